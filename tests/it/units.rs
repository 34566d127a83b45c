//! Units that run at the same time, some of which come to nothing.

use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::store::Store;
use salesbridge::store::aggregate::Scope;

use crate::harness::{Shop, both};

/// Units at once: more than one commit takes.
const UNITS: usize = 60;

async fn names(store: &Store) -> Vec<String> {
    let keys = store.look().await.unwrap().keys().await.unwrap();
    let mut names: Vec<String> = keys.into_iter().map(|key| key.name).collect();
    names.sort_unstable();
    names
}

both!(
    async fn what_a_unit_left_is_gone_and_its_neighbours_stay(shop: Shop) {
        // Each way in which the first, the last or several in a row are left.
        for leaves in [1_usize, 2, 3, 7] {
            let mut units = tokio::task::JoinSet::new();
            for number in 0..UNITS {
                let services = shop.services.clone();
                units.spawn(async move {
                    let now = services.clock.now();
                    let mut unit = services.store.begin("test").await.unwrap();
                    let (id, hash) = (services.ids.next(now), services.ids.next(now));
                    let name = format!("{leaves}:{number:02}");
                    unit.add_key(&id, &name, "crm", None, &hash, now).await.unwrap();
                    tokio::task::yield_now().await;
                    if number % leaves == 0 {
                        drop(unit);
                    } else {
                        unit.commit().await.unwrap();
                        // Whoever hears of success finds it written.
                        assert!(names(&services.store).await.contains(&name));
                    }
                });
            }
            while let Some(done) = units.join_next().await {
                done.unwrap();
            }
            // A unit that was left is taken back at the latest when the next one begins.
            shop.services.store.begin("test").await.unwrap().commit().await.unwrap();
            let of_this = format!("{leaves}:");
            let stay: Vec<String> = names(&shop.services.store)
                .await
                .into_iter()
                .filter(|name| name.starts_with(&of_this))
                .collect();
            let expected: Vec<String> = (0..UNITS)
                .filter(|number| number % leaves != 0)
                .map(|number| format!("{leaves}:{number:02}"))
                .collect();
            assert_eq!(stay, expected);
        }
    }
);

both!(
    async fn a_statement_that_is_refused_takes_its_unit_back_and_no_other(shop: Shop) {
        let now = shop.services.clock.now();
        let mut first = shop.services.store.begin("test").await.unwrap();
        first.add_key("1", "first", "crm", None, "the same hash", now).await.unwrap();
        first.commit().await.unwrap();
        // The second begins its transaction itself; its hash is taken.
        let mut second = shop.services.store.begin("test").await.unwrap();
        second.add_key("2", "second", "crm", None, "another hash", now).await.unwrap();
        assert!(second.add_key("3", "third", "crm", None, "the same hash", now).await.is_err());
        drop(second);
        let mut fourth = shop.services.store.begin("test").await.unwrap();
        fourth.add_key("4", "fourth", "crm", None, "a hash of its own", now).await.unwrap();
        fourth.commit().await.unwrap();
        assert_eq!(names(&shop.services.store).await, ["first", "fourth"]);
    }
);

both!(
    async fn what_is_loaded_in_order_to_write_is_counted_and_what_is_only_read_is_not(shop: Shop) {
        let chats = [shop.hears_from("1").await, shop.hears_from("2").await];
        let store = shop.services.store.clone();
        let before = store.loads();
        let mut unit = store.begin("test").await.unwrap();
        assert_eq!(unit.load_conversations(Scope::Conversations(&chats)).await.unwrap().len(), 2);
        unit.load_conversation(&chats[0]).await.unwrap();
        unit.load_conversation(&ConversationId::from("nobody's")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(shop.services.store.loads(), before + 3);
        let mut unit = store.read().await.unwrap();
        unit.aggregates(Scope::Conversations(&chats)).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.loads(), before + 3);
    }
);
