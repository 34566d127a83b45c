//! Who may take back what.

use std::time::Duration;

use salesbridge::domain::basic::identity::OutcomeId;
use salesbridge::domain::order::fold;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::error::Error;
use salesbridge::flow::{self, IdempotentRequest, Sender, Tagged};

use crate::harness::{Shop, both, numbered, referred, say};
use crate::inbound_events::{imports, line_of, told};

async fn undoes_outside(shop: &Shop, outcome: &OutcomeId, actor: &str) -> Result<Tagged, Error> {
    let undone =
        flow::undo(&shop.services, outcome, Sender::outside(actor), &IdempotentRequest::unkeyed()).await;
    undone.map(|undone| undone.done().unwrap())
}

both!(
    async fn a_person_takes_back_the_newest_entry_of_a_person(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let sold = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(Duration::from_secs(1));
        let added = shop.tags(&chat, &referred(say(OutcomeKind::CrossSold, 1000), "r-1")).await.unwrap();
        shop.later(Duration::from_secs(1));
        // What a courier says since is not in the way.
        let at = shop.services.clock.now();
        let shipped = numbered(told(Source::Courier, OutcomeKind::Shipped, None, at), "S-1001");
        assert_eq!(imports(&shop, vec![line_of("2", shipped)]).await[0].0, 200);
        let refused = shop.undoes(&sold.outcome_id).await.unwrap_err();
        assert_eq!(refused.code, "not_the_newest");
        assert!(
            refused.message.contains("cross_sold") && refused.message.contains(added.outcome_id.as_str())
        );
        let undone = shop.undoes(&added.outcome_id).await.unwrap();
        assert_eq!(undone.order.as_ref().unwrap().order.value, Some(5000));
        let twice = shop.undoes(&added.outcome_id).await.unwrap();
        assert_eq!((twice.known, &twice.outcome_id), (true, &undone.outcome_id));
        assert_eq!(shop.undoes(&undone.outcome_id).await.unwrap_err().code, "not_a_fact");
        let undone = shop.undoes(&sold.outcome_id).await.unwrap();
        assert_eq!(undone.order.unwrap().order.state, fold::State::Shipped);
        // Nothing of a person is left to take back.
        let again = shop.undoes(&sold.outcome_id).await.unwrap();
        assert!(again.known);
    }
);

both!(
    async fn orders_and_chats_do_not_stand_in_each_others_way(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let qualified = shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap();
        let one = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let mut other = numbered(say(OutcomeKind::Confirmed, 7000), "A-2");
        other.new_order = true;
        shop.tags(&chat, &other).await.unwrap();
        shop.undoes(&one.outcome_id).await.unwrap();
        shop.undoes(&qualified.outcome_id).await.unwrap();
    }
);

both!(
    async fn a_person_takes_back_nothing_that_a_crm_said(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.services.clock.now();
        let tag = numbered(told(Source::Crm, OutcomeKind::Confirmed, 5000, at), "A-1");
        let entry = OutcomeId(imports(&shop, vec![line_of("2", tag)]).await.remove(0).1);
        let refused = shop.undoes(&entry).await.unwrap_err();
        assert_eq!(refused.code, "not_the_newest");
        assert_eq!(shop.conversation("2").await, Some(chat));
    }
);

both!(
    async fn a_crm_takes_back_its_own_fact_at_any_depth(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.services.clock.now();
        let crm = |kind, value, by| {
            line_of("2", numbered(told(Source::Crm, kind, value, at + Duration::from_secs(by)), "A-1"))
        };
        let lines = vec![
            crm(OutcomeKind::Confirmed, Some(5000), 0),
            crm(OutcomeKind::Shipped, None, 1),
            crm(OutcomeKind::Returned, None, 2),
            line_of(
                "2",
                referred(numbered(told(Source::Courier, OutcomeKind::Paid, 5000, at), "A-1"), "p-1"),
            ),
        ];
        let entries: Vec<OutcomeId> =
            imports(&shop, lines).await.into_iter().map(|(_, id)| OutcomeId(id)).collect();
        shop.later(Duration::from_mins(1));
        let refunded = referred(numbered(say(OutcomeKind::Refunded, 5000), "A-1"), "r-1");
        let by_person = shop.tags(&chat, &refunded).await.unwrap();
        assert_eq!(
            undoes_outside(&shop, &by_person.outcome_id, "crm").await.unwrap_err().code,
            "not_your_fact"
        );
        assert_eq!(undoes_outside(&shop, &entries[1], "another").await.unwrap_err().code, "not_your_fact");
        let undone = undoes_outside(&shop, &entries[2], "crm").await.unwrap();
        assert_eq!(undone.order.unwrap().order.state, fold::State::Shipped);
        let undone = undoes_outside(&shop, &entries[0], "crm").await.unwrap();
        assert_eq!(undone.order.unwrap().order.state, fold::State::Shipped);
        let undone = undoes_outside(&shop, &entries[1], "crm").await.unwrap();
        // The payment stands, and nobody pays for what was not agreed.
        assert_eq!(undone.order.unwrap().order.state, fold::State::Confirmed);
        let twice = undoes_outside(&shop, &entries[1], "crm").await.unwrap();
        assert_eq!((twice.known, twice.outcome_id), (true, undone.outcome_id));
    }
);
