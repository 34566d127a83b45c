//! PostgreSQL finds what it needs by an index, however it guesses. It takes a list for a hundred rows, and would
//! read a table of some ten thousand whole for it.

use std::time::Duration;

use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::outcome::OutcomeKind;
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;

use crate::console_speed::stores;
use crate::harness::{HOLD, PAGE, Shop, say};
use crate::process::comes_true;

/// Conversations: so many that reading all of them is told from finding a few.
const STORED: i64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_table_is_read_whole_for_one_conversation() {
    let shop = Shop::on_postgres().await;
    // One connection alone: a second one of its own would be counted as somebody else's below.
    let books = PgPoolOptions::new().max_connections(1).connect(&shop.url).await.unwrap();
    let others = "select count(*) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()
                     and backend_type = 'client backend'";
    let connected = async || sqlx::query_scalar::<_, i64>(others).fetch_one(&books).await.unwrap();
    let before = connected().await;
    stores(&shop, STORED).await;
    // A connection tells what it read at the latest when it ends, which is after its client has closed it. What those
    // that stored the rows read must be told before the counts begin anew.
    assert!(comes_true(Duration::from_secs(10), async || connected().await <= before).await);
    sqlx::query("select pg_stat_reset()").execute(&books).await.unwrap();

    let at = shop.services.clock.now().millis();
    let psid = format!("{}", 2_000_000_000_000_000 + STORED / 2);
    shop.receives(format!(
        r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{psid}"}},
        "recipient":{{"id":"{PAGE}"}},"timestamp":{at},"message":{{"mid":"m_1","text":"Is it there?"}}}}]}}]}}"#
    ))
    .await;
    let chat = shop.conversation(&psid).await.unwrap();
    assert_eq!(chat, ConversationId(format!("c{:035}", STORED / 2)));
    shop.tags(&chat, &say(OutcomeKind::Confirmed, 5_000)).await.unwrap();
    let undone = shop.tags(&chat, &say(OutcomeKind::Amended, 6_000)).await.unwrap().outcome_id;
    shop.undoes(&undone).await.unwrap();
    shop.later(HOLD);
    shop.delivers().await;
    assert_eq!(shop.told(), ["50.0"]);

    shop.services.store.close().await;
    assert!(comes_true(Duration::from_secs(10), async || connected().await == 0).await);
    let read = sqlx::query("select relname, seq_tup_read from pg_stat_user_tables order by 1");
    for table in read.fetch_all(&books).await.unwrap() {
        let (name, rows): (String, i64) = (table.get(0), table.get(1));
        assert!(rows < STORED / 2, "{rows} rows of {name} were read one after the other");
    }
}
