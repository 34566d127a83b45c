//! How long the console takes with many conversations stored. Always with some; with
//! `SALESBRIDGE_TEST_CONVERSATIONS=100000` the figures are printed and held to their limits:
//!
//!     SALESBRIDGE_TEST_CONVERSATIONS=100000 bash tests/run --no-capture -E 'test(/^console_speed/)'

use salesbridge::clock::Clock;
use salesbridge::domain::operator::Role;
use sqlx::AssertSqlSafe;

use crate::console::Visitor;
use crate::harness::{PAGE, Shop, both};

/// Conversations where nobody asks for figures.
const FEW: i64 = 500;

/// One conversation in so many waits for a tag.
const WAITS: i64 = 10;

/// So often each thing is done.
const TIMES: usize = 40;

/// Milliseconds that 19 of 20 saved tags, and of 20 first pages of the queue, may take.
const TAG_MAX: i64 = 300;
const QUEUE_MAX: i64 = 100;

/// What the shop stores after some years: people with names, chats, words, an ad, and an order where none waits.
pub async fn stores(shop: &Shop, count: i64) {
    let sqlite = shop.url.starts_with("sqlite");
    let series = if sqlite {
        format!(
            "(with recursive counted (n) as (select 1 union all select n + 1 from counted where n < {count})
              select n from counted) as counted"
        )
    } else {
        format!("generate_series(1, {count}) as counted (n)")
    };
    let padded = if sqlite { "printf('%035d', n)" } else { "lpad(n::text, 35, '0')" };
    let now = shop.services.clock.now().millis();
    let at = format!("({now} - 3600000 - 60000 * cast(n as bigint))");
    let (waits, chat) = (format!("n % {WAITS} = 0"), format!("'c' || {padded}"));
    let sold = format!("from {series} where not {waits}");
    for text in [
        format!(
            "insert into conversation (id, page_id, channel, began_at, last_at, state, waiting_since, version)
             select {chat}, '{PAGE}', 'messenger', {at}, {at}, case when {waits} then 'waiting' else 'done' end,
                    case when {waits} then {at} end, 1 from {series}"
        ),
        format!(
            "insert into recipient (page_id, channel, account_id, person_id, conversation_id)
             select '{PAGE}', 'messenger', '{PAGE}', cast(2000000000000000 + n as text), {chat} from {series}"
        ),
        format!(
            "insert into customer (conversation_id, page_id, name, profile_at)
             select {chat}, '{PAGE}', 'Person ' || n, null from {series}"
        ),
        format!(
            "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at, last_word_at)
             select {chat}, 0, '{PAGE}', {at}, {at}, {at}, {at} from {series}"
        ),
        format!(
            "insert into message (conversation_id, sent_at, id, page_id, author, text)
             select {chat}, {at}, 'm' || {padded}, '{PAGE}', 'operator', 'სულ 120,50 ₾' from {series}"
        ),
        format!(
            "insert into referral (conversation_id, referred_at, id, page_id, ad_id, ad_title)
             select {chat}, {at}, 'r' || {padded}, '{PAGE}', cast(n % 40 as text), 'Bag' from {series}"
        ),
        format!(
            "insert into sale_order (id, page_id, conversation_id, service_numbered, policy_version, state,
                                     currency, value, paid, refunded, flagged, told_twice, opened_at, version)
             select 'o' || {padded}, '{PAGE}', {chat}, 0, 1, 'confirmed', 'GEL', 12050, 0, 0, 0, 0, {at}, 1 {sold}"
        ),
        format!(
            "insert into order_number (page_id, number_key, number, order_id, position)
             select '{PAGE}', 'a-' || n, 'A-' || n, 'o' || {padded}, 0 {sold}"
        ),
        format!(
            "insert into outcome (id, page_id, conversation_id, order_id, kind, occurred_at, clamped, recorded_at,
                                  source, actor, currency, value, position)
             select 'f' || {padded}, '{PAGE}', {chat}, 'o' || {padded}, 'confirmed', {at}, 0, {at}, 'api', 'nino',
                    'GEL', 12050, 1 {sold}"
        ),
    ] {
        if sqlite {
            let pool = sqlx::SqlitePool::connect(&shop.url).await.unwrap();
            sqlx::query(AssertSqlSafe(text)).execute(&pool).await.unwrap();
            pool.close().await;
        } else {
            let pool = sqlx::PgPool::connect(&shop.url).await.unwrap();
            sqlx::query(AssertSqlSafe(text)).execute(&pool).await.unwrap();
            sqlx::query("analyze").execute(&pool).await.unwrap();
            pool.close().await;
        }
    }
}

/// The time that half of them stay below, and the one that 19 of 20 do.
fn spread(times: &mut [i64]) -> (i64, i64) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 19 / 20])
}

both!(
    async fn a_tag_is_saved_and_the_queue_stands_at_once(shop: Shop) {
        let asked =
            std::env::var("SALESBRIDGE_TEST_CONVERSATIONS").ok().map(|count| count.parse::<i64>().unwrap());
        let count = asked.unwrap_or(FEW);
        stores(&shop, count).await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        let clock = Clock::system();
        let (mut tags, mut queues, mut pages, mut searches) = (vec![], vec![], vec![], vec![]);
        for time in 0..TIMES {
            let start = clock.now();
            let queue = nino.get("/console/queue").await;
            queues.push(clock.now().millis() - start.millis());
            let chat = queue.between("/console/conversations/", "?");
            let start = clock.now();
            let page = nino.get(&format!("/console/conversations/{chat}?from=queue")).await;
            pages.push(clock.now().millis() - start.millis());
            assert_eq!(page.field("value"), "120.50");
            let value = page.field("value");
            let fields = [("kind", "confirmed"), ("value", value.as_str())];
            let start = clock.now();
            let saved = nino.post(&format!("/console/conversations/{chat}/tag"), &fields).await;
            tags.push(clock.now().millis() - start.millis());
            assert_eq!(saved.status, 303, "{}", saved.text);
            let sought = if time % 2 == 0 { "A-21".to_owned() } else { "Person%2011".to_owned() };
            let start = clock.now();
            let found = nino.get(&format!("/console/search?q={sought}")).await;
            searches.push(clock.now().millis() - start.millis());
            assert!(found.text.contains("data-row"), "{sought}");
        }
        let database = if shop.url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
        println!("{database}, {count} conversations, milliseconds of {TIMES} (half below, 19 of 20 below):");
        let (tag, queue) = (spread(&mut tags), spread(&mut queues));
        println!(
            "  saved tag {tag:?}, at most {TAG_MAX}; first page of the queue {queue:?}, at most {QUEUE_MAX}"
        );
        println!("  conversation {:?}; search {:?}", spread(&mut pages), spread(&mut searches));
        assert!(asked.is_none() || (tag.1 <= TAG_MAX && queue.1 <= QUEUE_MAX), "too slow");
    }
);
