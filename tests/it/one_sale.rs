//! A sale may be said through several doors, by several people at once; it stays one sale.

use salesbridge::domain::order::outcome::OutcomeKind;

use crate::harness::{HOLD, PAGE, Shop, both, numbered, say};

both!(
    async fn said_by_many_at_once_it_is_told_once(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let unnamed = say(OutcomeKind::Confirmed, 5000);
        let named = numbered(say(OutcomeKind::Confirmed, 5000), "A-1001");
        let said = tokio::join!(
            shop.tags(&chat, &unnamed),
            shop.tags(&chat, &named),
            shop.tags(&chat, &unnamed),
            shop.tags(&chat, &named),
        );
        for answer in [said.0, said.1, said.2, said.3] {
            answer.unwrap();
        }
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn another_value_is_refused_and_another_order_is_opened_on_request(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let refused = shop.tags(&chat, &say(OutcomeKind::Confirmed, 7000)).await.unwrap_err();
        assert_eq!(refused.code, "perhaps_same_sale");
        let candidates = &refused.extra["candidates"];
        assert_eq!(
            (&candidates[0]["order_id"], &candidates[0]["value"]),
            (&"S-1001".into(), &"50.00".into())
        );
        let mut other = say(OutcomeKind::Confirmed, 7000);
        other.new_order = true;
        assert_eq!(shop.tags(&chat, &other).await.unwrap().order.unwrap().numbers, ["S-1002"]);
    }
);

both!(
    async fn an_order_number_belongs_to_one_conversation(shop: Shop) {
        let (one, two) = (shop.hears_from("1").await, shop.hears_from("2").await);
        let tag = numbered(say(OutcomeKind::Confirmed, 5000), "A-1001");
        shop.tags(&one, &tag).await.unwrap();
        let refused = shop.tags(&two, &tag).await.unwrap_err();
        assert_eq!(refused.code, "order_belongs_elsewhere");
        assert_eq!(refused.extra["elsewhere"]["conversation_id"], one.as_str());
    }
);

both!(
    async fn of_two_who_looked_at_one_version_one_wins(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let mut amend = say(OutcomeKind::Amended, 4000);
        amend.if_version = Some(1);
        let mut cancel = say(OutcomeKind::Cancelled, None);
        cancel.if_version = Some(1);
        assert_eq!(shop.tags(&chat, &amend).await.unwrap().order.unwrap().version, 2);
        assert_eq!(shop.tags(&chat, &cancel).await.unwrap_err().code, "version_conflict");
    }
);

both!(
    async fn a_webhook_told_again_and_out_of_order_changes_nothing(shop: Shop) {
        let entry = |mid: &str, at: i64| {
            format!(
                r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"7"}},
                "recipient":{{"id":"{PAGE}"}},"timestamp":{at},"message":{{"mid":"{mid}","text":"hi"}}}}]}}]}}"#
            )
        };
        let day = 24 * 60 * 60 * 1000;
        let start = shop.services.clock.now().millis() - 30 * day;
        for body in [entry("m_3", start + 20 * day), entry("m_1", start), entry("m_3", start + 20 * day + 5)]
        {
            shop.receives(body).await;
        }
        shop.receives(entry("m_2", start + day)).await;
        let chat = shop.conversation("7").await.unwrap();
        let mut unit = shop.services.store.read().await.unwrap();
        assert_eq!(unit.points_of(&chat).await.unwrap().len(), 3);
    }
);
