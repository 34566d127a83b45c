//! An order number from outside, beside a sale that stands under the service's own number.

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::order::fold;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Flag, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::flow::{self, IdempotentRequest, Sender};

use crate::harness::{HOLD, PAGE, Shop, both, numbered, referred, say};
use crate::inbound_events::{aggregates, imports, imports_all, line, line_of, told};

fn ago(shop: &Shop, minutes: u64) -> Timestamp {
    shop.services.clock.now() - Duration::from_mins(minutes)
}

/// The orders of everybody, those of nobody last.
async fn orders(shop: &Shop) -> Vec<OrderLedger> {
    let mut found = aggregates(shop, PAGE).await;
    found.sort_by_key(|aggregate| aggregate.thread.recipient.is_none());
    found.into_iter().flat_map(|aggregate| aggregate.orders).collect()
}

fn crm(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str, at: Timestamp) -> Tag {
    numbered(told(Source::Crm, kind, value, at), number)
}

both!(
    async fn of_the_same_value_it_is_a_name_of_the_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(OutcomeKind::Confirmed, 5000, "A-1", ago(&shop, 0)))]).await;
        let known = orders(&shop).await;
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].numbers, ["S-1001", "A-1"]);
        // Both names stay valid, for a person and for a CRM.
        shop.tags(&chat, &numbered(say(OutcomeKind::Shipped, None), "S-1001")).await.unwrap();
        imports_all(&shop, vec![line(crm(OutcomeKind::Delivered, None, "A-1", shop.services.clock.now()))])
            .await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].order.state), (1, fold::State::Delivered));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
        assert_eq!(shop.meta.accepted()[0]["custom_data"]["order_id"], "A-1");
    }
);

both!(
    async fn of_another_value_it_is_held_for_a_person_who_makes_it_an_order_of_its_own(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let lines = vec![
            line_of("2", crm(OutcomeKind::Shipped, None, "A-1", ago(&shop, 0))),
            line_of("2", crm(OutcomeKind::Confirmed, 7000, "A-1", ago(&shop, 0))),
        ];
        imports_all(&shop, lines).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[1].doubt.is_parked, known[1].order.value), (2, true, Some(7000)));
        assert!(known[1].order.flags.iter().all(|(_, flag)| *flag == Flag::PerhapsSameSale));
        assert_eq!(known[1].order.flags.len(), 2);
        assert_eq!(known[1].doubt.with, [known[0].id.clone()]);
        // Nothing of it leaves meanwhile.
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
        let flagged = known[1].order.flags[0].0.clone();
        let accepted = flow::accept(
            &shop.services,
            &flagged,
            Sender::person("nino", Source::Api),
            &IdempotentRequest::unkeyed(),
        )
        .await
        .unwrap()
        .done()
        .unwrap();
        let order = accepted.order.unwrap();
        assert_eq!((order.order.state, order.order.flags.len()), (fold::State::Shipped, 0));
        let again = flow::accept(
            &shop.services,
            &flagged,
            Sender::person("nino", Source::Api),
            &IdempotentRequest::unkeyed(),
        )
        .await
        .unwrap()
        .done()
        .unwrap();
        assert!(again.known);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0", "70.0"]);
    }
);

both!(
    async fn a_person_who_confirms_under_it_says_that_it_is_that_sale_for_good(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(OutcomeKind::Shipped, None, "A-1", ago(&shop, 0)))]).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].numbers.len()), (1, 2));
        let named = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        assert!(named.known);
        let sale = named.order.unwrap();
        assert_eq!(
            (sale.numbers.as_slice(), sale.order.state),
            (["S-1001".to_owned(), "A-1".to_owned()].as_slice(), fold::State::Shipped)
        );
        // What a CRM says later of another value no longer parts them.
        imports_all(&shop, vec![line(crm(OutcomeKind::Confirmed, 7000, "A-1", ago(&shop, 0)))]).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].order.flags[0].1), (1, Flag::OtherValue));
        assert_eq!(known[0].order.value, Some(5000));
    }
);

both!(
    async fn a_person_with_a_number_and_another_value_is_asked(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let refused =
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 7000), "A-1")).await.unwrap_err();
        assert_eq!(refused.code, "perhaps_same_sale");
        let same = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        assert_eq!(same.order.unwrap().numbers, ["S-1001", "A-1"]);
        let mut other = numbered(say(OutcomeKind::Confirmed, 7000), "A-2");
        other.new_order = true;
        assert_eq!(shop.tags(&chat, &other).await.unwrap().order.unwrap().numbers, ["A-2"]);
    }
);

both!(
    async fn a_sale_that_was_over_by_then_is_another(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = |minutes| ago(&shop, minutes);
        shop.tags(&chat, &Tag { occurred_at: Some(at(26 * 60)), ..say(OutcomeKind::Confirmed, 5000) })
            .await
            .unwrap();
        // Without a time it may be of any of the last days.
        let untimed = Tag { occurred_at: None, ..crm(OutcomeKind::Confirmed, 5000, "A-1", at(0)) };
        imports_all(&shop, vec![line_of("2", untimed)]).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[1].doubt.is_parked), (2, true), "a day apart, a person is asked");
        // The CRM says the time now, and the first was with the customer long before.
        let lines = vec![
            line(crm(OutcomeKind::Delivered, None, "S-1001", at(24 * 60))),
            line(crm(OutcomeKind::Confirmed, 5000, "A-1", at(0))),
        ];
        imports_all(&shop, lines).await;
        let known = orders(&shop).await;
        assert_eq!(known.iter().map(|order| order.doubt.is_parked).collect::<Vec<_>>(), [false; 2]);
        let aggregate = aggregates(&shop, PAGE).await.remove(0);
        let row = aggregate.conversions_of(&known[1]).remove(0);
        assert_eq!((row.state, row.value), (State::Held, Some(5000)));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0", "50.0"]);
    }
);

both!(
    async fn what_meta_was_told_as_one_is_not_told_again_unless_a_person_parts_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let tap = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        shop.later(HOLD);
        imports_all(&shop, vec![line_of("2", crm(OutcomeKind::Confirmed, 5000, "A-1", ago(&shop, 0)))]).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].by_value.len(), known[0].numbers.len()), (1, 1, 2));
        // The tap is taken back: what the CRM tells is the sale of which Meta knows.
        shop.undoes(&tap.outcome_id).await.unwrap();
        assert_eq!(orders(&shop).await.len(), 1);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn the_number_of_another_conversation_is_a_conflict_for_everyone(shop: Shop) {
        let (one, two) = (shop.hears_from("1").await, shop.hears_from("2").await);
        shop.tags(&one, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let at = shop.services.clock.now();
        for kind in [OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Delivered] {
            let refused = shop.tags(&two, &numbered(say(kind, None), "A-1")).await.unwrap_err();
            assert_eq!(refused.code, "order_belongs_elsewhere");
            let answer = imports(&shop, vec![line_of("2", crm(kind, None, "A-1", at))]).await;
            assert_eq!(answer, [(409, "order_belongs_elsewhere".to_owned())]);
            // Of a person that nobody knew before, too.
            let answer = imports(&shop, vec![line_of("3", crm(kind, None, "A-1", at))]).await;
            assert_eq!(answer, [(409, "order_belongs_elsewhere".to_owned())]);
        }
    }
);

both!(
    async fn an_order_that_only_a_crm_knows_waits_and_is_adopted(shop: Shop) {
        let at = shop.services.clock.now();
        imports_all(&shop, vec![line(crm(OutcomeKind::Confirmed, 5000, "A-1", at))]).await;
        let waiting = aggregates(&shop, PAGE).await.remove(0);
        assert_eq!(
            (waiting.conversions[0].state, waiting.conversions[0].reason),
            (State::Held, Reason::PersonMissing)
        );
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        let lines = vec![
            line_of("2", crm(OutcomeKind::Shipped, None, "A-1", at)),
            line(crm(OutcomeKind::Delivered, None, "A-1", at)),
        ];
        imports_all(&shop, lines).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].order.state), (1, fold::State::Delivered));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
        assert_eq!(shop.meta.accepted()[0]["user_data"]["page_scoped_user_id"], "2");
    }
);

both!(
    async fn an_order_that_waited_may_be_a_sale_of_the_person_who_comes_with_it(shop: Shop) {
        let at = shop.services.clock.now();
        imports_all(&shop, vec![line(crm(OutcomeKind::Confirmed, 5000, "A-1", at))]).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(OutcomeKind::Shipped, None, "A-1", at))]).await;
        let known = orders(&shop).await;
        assert_eq!((known.len(), known[0].numbers.len()), (1, 2));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn a_second_telling_in_other_words_is_flagged(shop: Shop) {
        let at = shop.services.clock.now();
        let mut lines = vec![
            line(crm(OutcomeKind::Confirmed, 5000, "A-1", at)),
            line(crm(OutcomeKind::Confirmed, 6000, "A-1", at)),
            line(crm(OutcomeKind::Amended, 4000, "A-1", at)),
            line(crm(OutcomeKind::Amended, 4500, "A-1", at)),
        ];
        lines.extend(lines.clone());
        imports_all(&shop, lines).await;
        let known = orders(&shop).await.remove(0);
        assert_eq!(known.order.value, Some(4000));
        assert_eq!(
            known.order.flags.iter().map(|(_, flag)| *flag).collect::<Vec<_>>(),
            [Flag::OtherValue; 2]
        );
        assert_eq!(known.facts.len(), 4);
    }
);

both!(
    async fn a_ref_is_one_fact_and_what_has_none_is_one_by_its_moment(shop: Shop) {
        let at = shop.services.clock.now();
        let paid = referred(crm(OutcomeKind::Paid, 3000, "A-1", at), "pay-1");
        let lines = vec![
            line(crm(OutcomeKind::Confirmed, 6000, "A-1", at)),
            line(paid.clone()),
            line(paid.clone()),
            line(referred(paid.clone(), "pay-2")),
            line(crm(OutcomeKind::Shipped, None, "A-1", at)),
            line(crm(OutcomeKind::Shipped, None, "A-1", at)),
        ];
        imports_all(&shop, lines).await;
        let known = orders(&shop).await.remove(0);
        assert_eq!((known.order.paid, known.facts.len()), (6000, 4));
        // Without any name a sum can't be told from its repetition.
        let nameless = imports(&shop, vec![line(Tag { reference: None, ..paid })]).await;
        assert_eq!(nameless[0].0, 422);
    }
);
