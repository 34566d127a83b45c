//! What a chat came to: qualified, lost, silent, sold; and whether it waits for a tag.

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::conversation::aggregate::ConversationAggregate;
use salesbridge::domain::conversation::chat::Stage;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow;

use crate::harness::{PAGE, Shop, both, say};
use crate::inbound_events::{ad, aggregates, body, echo, imports_all, line_of, rows, told, word};

const SILENT_AFTER: Duration = Duration::from_hours(72);

async fn aggregate(shop: &Shop) -> ConversationAggregate {
    aggregates(shop, PAGE).await.remove(0)
}

/// The stages of the only conversation's chats, as they fold and as they are written.
async fn stages(shop: &Shop) -> Vec<Stage> {
    let aggregate = aggregate(shop).await;
    let stages: Vec<Stage> = aggregate.chats.iter().map(|chat| aggregate.stage(chat)).collect();
    let mut written = rows(shop, "chat").await;
    written.sort_by_key(|row| row["number"].as_i64());
    let written: Vec<_> = written.iter().map(|row| row["stage"].as_str().unwrap().to_owned()).collect();
    assert_eq!(written, stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>());
    stages
}

async fn queue(shop: &Shop) -> String {
    rows(shop, "conversation").await[0]["state"].as_str().unwrap().to_owned()
}

async fn writes(shop: &Shop, mid: &str) {
    let at = shop.services.clock.now();
    shop.receives(body(PAGE, &[word("2", mid, at, "And?")])).await;
}

async fn says(shop: &Shop, chat: &ConversationId, kind: OutcomeKind) {
    shop.later(Duration::from_secs(1));
    shop.tags(chat, &say(kind, None)).await.unwrap();
}

both!(
    async fn the_latest_stands_and_an_order_outranks_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        assert_eq!((stages(&shop).await, queue(&shop).await.as_str()), (vec![Stage::Open], "waiting"));
        says(&shop, &chat, OutcomeKind::Qualified).await;
        assert_eq!((stages(&shop).await, queue(&shop).await.as_str()), (vec![Stage::Qualified], "done"));
        says(&shop, &chat, OutcomeKind::Lost).await;
        assert_eq!(stages(&shop).await, [Stage::Lost]);
        says(&shop, &chat, OutcomeKind::Qualified).await;
        assert_eq!(stages(&shop).await, [Stage::Qualified]);
        // What is said of an earlier moment stays behind.
        let now = shop.services.clock.now();
        let earlier = told(Source::Crm, OutcomeKind::Lost, None, now - Duration::from_secs(2));
        imports_all(&shop, vec![line_of("2", earlier)]).await;
        assert_eq!(stages(&shop).await, [Stage::Qualified]);
        let sold = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        assert_eq!((stages(&shop).await, queue(&shop).await.as_str()), (vec![Stage::Sold], "done"));
        says(&shop, &chat, OutcomeKind::Lost).await;
        assert_eq!(stages(&shop).await, [Stage::Sold]);
        shop.undoes(&sold.outcome_id).await.unwrap();
        assert_eq!(stages(&shop).await, [Stage::Lost]);
    }
);

both!(
    async fn saying_what_stands_says_nothing_new(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let first = shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        let again = shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        assert_eq!((again.known, again.outcome_id), (true, first.outcome_id));
        let at = shop.services.clock.now();
        let lost = line_of("2", told(Source::Crm, OutcomeKind::Lost, None, at));
        let qualified =
            line_of("2", told(Source::Crm, OutcomeKind::Qualified, None, at + Duration::from_secs(1)));
        imports_all(&shop, vec![lost.clone(), qualified.clone(), lost, qualified]).await;
        assert_eq!(aggregate(&shop).await.chat_facts.len(), 3);
    }
);

both!(
    async fn silence_is_said_by_the_service_and_lifted_by_the_next_word(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.later(SILENT_AFTER - Duration::from_millis(1));
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 0);
        // The Page's own words are none of the customer's.
        let at = shop.services.clock.now();
        shop.receives(body(PAGE, &[echo("2", "e_1", at, "Still there?")])).await;
        shop.later(Duration::from_millis(1));
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 1);
        assert_eq!((stages(&shop).await, queue(&shop).await.as_str()), (vec![Stage::Lost], "done"));
        let said = aggregate(&shop).await.chat_facts;
        assert_eq!(
            (said.len(), said[0].source, said[0].reason.as_deref()),
            (1, Source::Service, Some("silent"))
        );
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 0);
        writes(&shop, "m_again").await;
        assert_eq!((stages(&shop).await, queue(&shop).await.as_str()), (vec![Stage::Open], "waiting"));
        shop.later(SILENT_AFTER);
        flow::fall_silent(&shop.services).await.unwrap();
        assert_eq!(stages(&shop).await, [Stage::Lost]);
        // A person may know better, and the service does not insist.
        says(&shop, &chat, OutcomeKind::Qualified).await;
        for _ in 0..3 {
            flow::fall_silent(&shop.services).await.unwrap();
        }
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 0);
        assert_eq!(stages(&shop).await, [Stage::Qualified]);
        assert_eq!(aggregate(&shop).await.chat_facts.iter().filter(|fact| !fact.undone).count(), 2);
        shop.delivers().await;
        assert!(shop.meta.requests().is_empty());
    }
);

both!(
    async fn what_is_heard_late_of_a_silent_chat_stands_alone(shop: Shop) {
        shop.hears_from("2").await;
        let at = shop.services.clock.now();
        shop.later(SILENT_AFTER);
        flow::fall_silent(&shop.services).await.unwrap();
        imports_all(&shop, vec![line_of("2", told(Source::Crm, OutcomeKind::Lost, None, at))]).await;
        flow::fall_silent(&shop.services).await.unwrap();
        let said = aggregate(&shop).await.chat_facts;
        let ledger: Vec<_> = said.iter().filter(|fact| !fact.undone).collect();
        assert_eq!((ledger.len(), ledger[0].source), (1, Source::Crm));
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 0);
    }
);

both!(
    async fn a_sale_is_never_silent(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(SILENT_AFTER * 2);
        assert_eq!(flow::fall_silent(&shop.services).await.unwrap(), 0);
        assert_eq!(stages(&shop).await, [Stage::Sold]);
    }
);

both!(
    async fn each_chat_has_its_own_tags(shop: Shop) {
        let chat = shop.hears_from("2").await;
        says(&shop, &chat, OutcomeKind::Qualified).await;
        let first: Timestamp = shop.services.clock.now();
        shop.later(Duration::from_hours(5));
        let at = shop.services.clock.now();
        // The message that came with the ad is of the new chat, whichever is told first.
        shop.receives(body(PAGE, &[ad("2", "m_ad", at, "880001", 1)])).await;
        assert_eq!(
            (stages(&shop).await, queue(&shop).await.as_str()),
            (vec![Stage::Qualified, Stage::Open], "waiting")
        );
        assert_eq!(aggregate(&shop).await.chats[1].first_word_at, Some(at));
        says(&shop, &chat, OutcomeKind::Lost).await;
        let of_the_first = Tag { occurred_at: Some(first), ..say(OutcomeKind::Lost, None) };
        shop.later(Duration::from_secs(1));
        shop.tags(&chat, &of_the_first).await.unwrap();
        assert_eq!(stages(&shop).await, [Stage::Lost, Stage::Lost]);
    }
);
