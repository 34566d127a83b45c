//! Which tellings are one sale.

use super::{CANCELLED, CONFIRMED, DELIVERED, HOUR, MINUTE, SHIPPED, courier, crm, untimed};
use crate::harness::{Shop, both, numbered, referred, say};
use crate::inbound_events::{imports, imports_all, line, line_of};
use salesbridge::domain::order::fold::State as Standing;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow::{self, IdempotentRequest, Sender};

both!(
    async fn the_sentence_of_a_sale_that_the_crm_told_first_is_that_sale(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now() + MINUTE;
        shop.later(HOUR);
        let lines = vec![
            line_of("2", crm(CONFIRMED, 5500, "I1", at)),
            line_of("2", crm(DELIVERED, None, "I1", at + MINUTE)),
        ];
        imports_all(&shop, lines).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 55 ₾", at - MINUTE / 2).await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn the_sentence_of_a_sale_that_was_called_off_since_tells_nothing(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now() + MINUTE;
        shop.later(HOUR);
        let lines = vec![
            line_of("2", crm(CONFIRMED, 5500, "I1", at)),
            line_of("2", crm(CANCELLED, None, "I1", at + 10 * MINUTE)),
        ];
        imports_all(&shop, lines).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 55 ₾", at).await;
        assert_eq!(shop.orders(&chat).await[0].order.state, Standing::Cancelled);
        assert!(shop.all_leaves().await.is_empty());
    }
);

both!(
    async fn a_parcel_that_the_courier_told_first_is_the_sale_of_the_operator_and_of_the_crm(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", courier(DELIVERED, None, "DD-1", shop.now()))]).await;
        shop.tags(&chat, &say(CONFIRMED, 7700)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 7700, "DD-1", shop.now()))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.state), (1, Standing::Delivered));
        assert_eq!(shop.all_leaves().await, ["77.0"]);
    }
);

both!(
    async fn a_crm_that_tells_late_and_without_a_time_tells_of_the_same_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5500)).await.unwrap();
        shop.later(HOUR);
        shop.tags(&chat, &say(DELIVERED, None)).await.unwrap();
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 5500, "N", shop.now())))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].by_value.len()), (1, 1));
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn a_cancel_of_which_nothing_else_is_known_is_that_of_the_only_sale(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", courier(CANCELLED, None, "T-1", shop.now()))]).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 50 ₾", at).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.state), (1, Standing::Cancelled));
        assert!(shop.all_leaves().await.is_empty());
    }
);

both!(
    async fn a_number_is_one_number_however_it_is_written(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        for written in ["a7", " A7", "A7 ", "A7\u{a0}", "A\u{200b}7", "\u{feff}a7", "A7\n"] {
            imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 5000, written, at))]).await;
        }
        for written in ["Cafe\u{301}-1", "CAFÉ-1"] {
            imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 6000, written, at))]).await;
        }
        assert_eq!(shop.orders(&chat).await.len(), 2);
        let mut heard = shop.all_leaves().await;
        heard.sort();
        assert_eq!(heard, ["50.0", "60.0"]);
    }
);

both!(
    async fn an_order_that_was_shipped_first_gets_its_value_and_person_from_the_operator(shop: Shop) {
        for (psid, number, by_psid, names_it) in
            [("21", "K1", true, true), ("22", "K2", true, false), ("23", "K3", false, true)]
        {
            let chat = shop.hears_from(psid).await;
            let shipped = untimed(crm(SHIPPED, None, number, shop.now()));
            let shipped = if by_psid { line_of(psid, shipped) } else { line(shipped) };
            imports_all(&shop, vec![shipped]).await;
            let sold = say(CONFIRMED, 2000);
            let sold = if names_it { numbered(sold, number) } else { sold };
            let tagged = shop.tags(&chat, &sold).await.unwrap();
            let order = tagged.order.unwrap();
            assert_eq!((order.order.state, order.order.value), (Standing::Shipped, Some(2000)), "{number}");
            assert!(order.has_number(number), "{number}");
        }
        assert_eq!(shop.all_leaves().await, ["20.0"; 3]);
    }
);

both!(
    async fn a_parcel_without_a_value_may_be_priced(shop: Shop) {
        for (psid, first, kind) in
            [("21", SHIPPED, CONFIRMED), ("22", SHIPPED, OutcomeKind::Amended), ("23", DELIVERED, CONFIRMED)]
        {
            let chat = shop.hears_from(psid).await;
            let number = format!("DE-{psid}");
            imports_all(&shop, vec![line_of(psid, crm(first, None, &number, shop.now()))]).await;
            shop.later(MINUTE);
            let priced = shop.tags(&chat, &numbered(say(kind, 6000), &number)).await.unwrap();
            assert_eq!(priced.order.unwrap().order.value, Some(6000), "{psid}");
        }
        assert_eq!(shop.all_leaves().await, ["60.0"; 3]);
    }
);

both!(
    async fn what_was_said_in_the_wrong_thread_may_be_said_in_the_right_one(shop: Shop) {
        let (wrong, right) = (shop.hears_from("21").await, shop.hears_from("22").await);
        let tag = numbered(say(CONFIRMED, 5000), "W-1");
        let slip = shop.tags(&wrong, &tag).await.unwrap();
        assert_eq!(shop.tags(&right, &tag).await.unwrap_err().code, "order_belongs_elsewhere");
        shop.undoes(&slip.outcome_id).await.unwrap();
        shop.tags(&right, &tag).await.unwrap();
        imports_all(&shop, vec![line(crm(SHIPPED, None, "W-1", shop.now() + MINUTE))]).await;
        assert_eq!(shop.all_leaves().await, ["50.0"]);
        assert_eq!(shop.meta.accepted()[0]["user_data"]["page_scoped_user_id"], "22");
        assert_eq!(shop.orders(&right).await[0].order.state, Standing::Shipped);
    }
);

both!(
    async fn a_label_without_a_value_and_the_crm_with_one_are_one_order(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", "501").await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 4500, "L-1", shop.now() + MINUTE))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.value), (1, Some(4500)));
        assert_eq!(shop.all_leaves().await, ["45.0"]);
    }
);

both!(
    async fn a_ref_that_comes_again_with_another_fact_is_refused_and_names_the_first(shop: Shop) {
        let at = shop.now();
        let deal =
            |kind, number: &str, value: Option<i64>| referred(crm(kind, value, number, at), "deal-727");
        let lines = vec![
            line_of("2", deal(CONFIRMED, "727", Some(8000))),
            line_of("2", deal(CONFIRMED, "727", Some(8000))),
            line_of("2", deal(CANCELLED, "727", None)),
            line_of("2", deal(CONFIRMED, "728", Some(8000))),
            line_of("2", deal(CONFIRMED, "727", Some(9000))),
        ];
        let statuses: Vec<u16> = imports(&shop, lines).await.into_iter().map(|(status, _)| status).collect();
        assert_eq!(statuses, [200, 200, 409, 409, 409]);
        let chat = shop.conversation("2").await.unwrap();
        assert_eq!(shop.orders(&chat).await[0].facts.len(), 1);
    }
);

both!(
    async fn of_two_in_doubt_one_leaves_until_somebody_answers(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5500)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 6000, "N-1", shop.now() + HOUR / 2))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[1].doubt.is_parked), (2, true));
        assert_eq!(shop.queue(&chat).await, "waiting");
        assert_eq!(shop.all_leaves().await, ["55.0"]);
        let sender = Sender::person("nino", Source::Api);
        let request = IdempotentRequest::unkeyed();
        flow::join_orders(&shop.services, &orders[1].id, &orders[0].id, sender, &request).await.unwrap();
        assert_eq!(shop.orders(&chat).await.len(), 1);
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn two_numbers_that_people_give_are_two_sales_also_beside_a_sentence(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.later(MINUTE);
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 50 ₾", shop.now()).await;
        shop.later(2 * MINUTE);
        shop.tags(&chat, &numbered(say(CONFIRMED, 5000), "H-1")).await.unwrap();
        shop.later(3 * HOUR);
        shop.tags(&chat, &numbered(say(CONFIRMED, 5000), "H-2")).await.unwrap();
        let numbers: Vec<Vec<String>> =
            shop.orders(&chat).await.into_iter().map(|order| order.numbers).collect();
        assert_eq!(numbers, [vec!["S-1001".to_owned(), "H-1".to_owned()], vec!["H-2".to_owned()]]);
        assert_eq!(shop.all_leaves().await, ["50.0", "50.0"]);
    }
);

both!(
    async fn a_tap_tells_of_no_sentence_that_was_written_hours_later(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5000)).await.unwrap();
        shop.later(5 * HOUR);
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 50 ₾", shop.now()).await;
        let orders = shop.orders(&chat).await;
        assert_eq!(orders.iter().map(|order| order.doubt.is_parked).collect::<Vec<_>>(), [false, true]);
        assert_eq!(shop.all_leaves().await, ["50.0"]);
        let nino = Sender::person("nino", Source::Api);
        flow::part_order(&shop.services, &orders[1].id, nino, &IdempotentRequest::unkeyed()).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["50.0", "50.0"]);
    }
);

both!(
    async fn what_a_crm_enters_within_the_hour_is_the_sale_of_the_sentence(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now() + MINUTE;
        shop.later(5 * HOUR);
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 50 ₾", at).await;
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 5000, "C-1", at + 40 * MINUTE))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].by_value.len()), (1, 1));
        assert_eq!(shop.all_leaves().await, ["50.0"]);
    }
);

both!(
    async fn a_second_tap_hours_later_is_asked_about_whatever_was_written_between(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 12500)).await.unwrap();
        shop.later(5 * MINUTE);
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 125 ₾", shop.now()).await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        shop.later(2 * HOUR);
        let refused = shop.tags(&chat, &say(CONFIRMED, 12500)).await.unwrap_err();
        assert_eq!(refused.code, "perhaps_same_sale");
    }
);

both!(
    async fn a_step_without_a_number_parts_no_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 12500)).await.unwrap();
        shop.later(5 * MINUTE);
        let shipped = Tag { order_number: None, ..crm(SHIPPED, None, "-", shop.now()) };
        imports_all(&shop, vec![line_of("2", shipped)]).await;
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 12500, "B-7", shop.now()))]).await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        assert_eq!(shop.all_leaves().await, ["125.0"]);
    }
);

both!(
    async fn a_label_of_a_sale_that_a_person_parted_from_another_is_of_that_sale(shop: Shop) {
        shop.with_sentences().await;
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 15500)).await.unwrap();
        shop.later(2 * HOUR);
        let other = Tag { new_order: true, ..say(CONFIRMED, 15500) };
        let other = shop.tags(&chat, &other).await.unwrap().order.unwrap();
        shop.later(5 * HOUR);
        shop.labels("add", "501").await;
        shop.later(HOUR);
        let number = other.numbers[0].clone();
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 15500), &number)).await.unwrap();
        let orders = shop.orders(&chat).await;
        let seen: Vec<_> = orders
            .iter()
            .map(|order| (order.numbers.clone(), order.order.value, order.doubt.is_parked, order.facts.len()))
            .collect();
        assert_eq!(orders.len(), 2, "{seen:?}");
        assert_eq!(shop.all_leaves().await, ["155.0", "155.0"]);
    }
);

both!(
    async fn what_stood_beside_a_purchase_that_left_is_not_told_when_another_takes_its_place(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 55 ₾", at).await;
        shop.later(5 * MINUTE);
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 5500, "N-1", at)))]).await;
        assert_eq!(shop.all_leaves().await, ["55.0"]);
        // The same CRM's other number fits the sentence better: the first is perhaps what Meta knows.
        shop.later(5 * HOUR);
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 5500, "N-2", at + 4 * HOUR))]).await;
        let orders = shop.orders(&chat).await;
        let first = orders.iter().find(|order| order.has_number("N-1")).unwrap();
        assert!(first.doubt.is_perhaps_told && !first.has_number("N-2"), "{orders:?}");
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn a_rival_that_was_counted_to_a_sale_by_its_value_parts_no_other_number_from_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.tags(&chat, &say(CONFIRMED, 6050)).await.unwrap();
        // At once in the ledger, and yet of no known moment.
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 6050, "N-2", at)))]).await;
        assert_eq!(shop.all_leaves().await, ["60.5"]);
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 6050, "N-1", at)))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!(orders.len(), 2);
        assert!(orders[1].doubt.is_parked && orders[1].has_number("N-1"), "{orders:?}");
        assert_eq!(shop.all_leaves().await, ["60.5"]);
        // Two sales, says a person.
        let nino = Sender::person("nino", Source::Console);
        flow::part_order(&shop.services, &orders[1].id, nino, &IdempotentRequest::unkeyed()).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["60.5", "60.5"]);
    }
);

both!(
    async fn a_label_settles_no_question_that_only_a_person_can_answer(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.labels("add", "501").await;
        shop.later(66 * HOUR);
        let other = Tag { new_order: true, ..numbered(say(CONFIRMED, 21_750), "H-1") };
        shop.tags(&chat, &other).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["217.5"]);
        shop.later(56 * HOUR);
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 21_750, "N-1", at)))]).await;
        let orders = shop.orders(&chat).await;
        let told_again = orders.iter().find(|order| order.has_number("N-1")).unwrap();
        assert!(told_again.doubt.is_parked, "{orders:?}");
        assert_eq!(shop.all_leaves().await, ["217.5"]);
    }
);

both!(
    async fn a_cancel_is_not_that_of_a_sale_which_was_taken_back_before(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let taken_back = shop.tags(&chat, &numbered(say(CONFIRMED, 13_550), "H-0")).await.unwrap();
        let nino = Sender::person("nino", Source::Api);
        flow::undo(&shop.services, &taken_back.outcome_id, nino, &IdempotentRequest::unkeyed())
            .await
            .unwrap();
        shop.later(33 * HOUR);
        let at = shop.now();
        imports_all(&shop, vec![line_of("2", courier(CANCELLED, None, "N-1", at))]).await;
        // The operator tells late of the sale that the cancel is of.
        shop.later(20 * HOUR);
        let late = Tag { occurred_at: Some(at - MINUTE), ..numbered(say(CONFIRMED, 20_850), "H-1") };
        shop.tags(&chat, &late).await.unwrap();
        assert!(shop.all_leaves().await.is_empty());
        let orders = shop.orders(&chat).await;
        let told = orders.iter().find(|order| order.has_number("H-1")).unwrap();
        assert!(told.has_number("N-1"), "{orders:?}");
    }
);

both!(
    async fn two_that_a_parcel_with_its_sum_brings_together_are_marked_all_the_same(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.tags(&chat, &say(CONFIRMED, 17_350)).await.unwrap();
        shop.later(HOUR);
        let lines = vec![
            line_of("2", untimed(crm(CONFIRMED, 17_350, "N-1", at))),
            line_of("2", referred(courier(OutcomeKind::Paid, 17_350, "WB-0", shop.now()), "p-1")),
        ];
        imports_all(&shop, lines).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].by_value.len()), (1, 1), "{orders:?}");
    }
);

both!(
    async fn a_parcel_of_which_a_part_came_back_takes_nothing_from_another_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.tags(&chat, &say(CONFIRMED, 18_350)).await.unwrap();
        shop.later(73 * HOUR);
        let other = Tag { new_order: true, ..say(CONFIRMED, 18_850) };
        shop.tags(&chat, &other).await.unwrap();
        let back = courier(OutcomeKind::Returned, 7320, "WB-0", at + 80 * HOUR);
        let lines = vec![
            line_of("2", courier(DELIVERED, None, "WB-0", at + 76 * HOUR)),
            line_of("2", referred(back, "back-1")),
        ];
        shop.later(8 * HOUR);
        imports_all(&shop, lines).await;
        let orders = shop.orders(&chat).await;
        let parcel = orders.iter().find(|order| order.has_number("WB-0")).unwrap();
        assert!(parcel.doubt.is_parked && parcel.facts.len() == 2, "{orders:?}");
        assert_eq!(shop.all_leaves().await, ["183.5", "188.5"]);
    }
);
