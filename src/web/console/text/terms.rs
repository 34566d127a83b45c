//! The names of the vocabulary's terms in the console.

use crate::domain::conversation::inbound::Channel;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::inbox::sentence::Open;
use crate::domain::operator::Language::{self, English, Georgian};
use crate::domain::order::fold;
use crate::domain::order::outcome::{Flag, OutcomeKind, Source};
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::domain::signal::policy::Mode;

/// The name of an outcome kind, as a tag's button shows it.
pub const fn outcome_kind(kind: OutcomeKind, language: Language) -> &'static str {
    match (kind, language) {
        (OutcomeKind::Qualified, Georgian) => "დაინტერესდა",
        (OutcomeKind::Qualified, English) => "Qualified",
        (OutcomeKind::Lost, Georgian) => "დაიკარგა",
        (OutcomeKind::Lost, English) => "Lost",
        (OutcomeKind::Confirmed, Georgian) => "შეკვეთა მიღებულია",
        (OutcomeKind::Confirmed, English) => "Order confirmed",
        (OutcomeKind::CrossSold, Georgian) => "დაემატა",
        (OutcomeKind::CrossSold, English) => "Added to the order",
        (OutcomeKind::Amended, Georgian) => "გასწორდა",
        (OutcomeKind::Amended, English) => "Set right",
        (OutcomeKind::Cancelled, Georgian) => "გაუქმდა",
        (OutcomeKind::Cancelled, English) => "Cancelled",
        (OutcomeKind::Shipped, Georgian) => "გაიგზავნა კურიერით",
        (OutcomeKind::Shipped, English) => "Shipped",
        (OutcomeKind::Delivered, Georgian) => "ჩაბარდა",
        (OutcomeKind::Delivered, English) => "Delivered",
        (OutcomeKind::Returned, Georgian) => "დაბრუნდა",
        (OutcomeKind::Returned, English) => "Returned",
        (OutcomeKind::Paid, Georgian) => "გადახდილია",
        (OutcomeKind::Paid, English) => "Paid",
        (OutcomeKind::Refunded, Georgian) => "თანხა დაუბრუნდა",
        (OutcomeKind::Refunded, English) => "Refunded",
    }
}

/// The name of the source of an entry.
pub const fn source(source: Source, language: Language) -> &'static str {
    match (source, language) {
        (Source::Console, Georgian) => "კონსოლი",
        (Source::Console, English) => "console",
        (Source::Api, _) => "API",
        (Source::Label, Georgian) => "იარლიყი ინბოქსში",
        (Source::Label, English) => "label in the inbox",
        (Source::Sentence, Georgian) => "წინადადება ინბოქსში",
        (Source::Sentence, English) => "sentence in the inbox",
        (Source::Service, Georgian) => "სერვისი",
        (Source::Service, English) => "the service",
        (Source::Crm, _) => "CRM",
        (Source::Courier, Georgian) => "კურიერი",
        (Source::Courier, English) => "courier",
        (Source::Bank, Georgian) => "ბანკი",
        (Source::Bank, English) => "bank",
        (Source::Site, Georgian) => "საიტი",
        (Source::Site, English) => "site",
    }
}

/// The name of a channel.
pub const fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Messenger => "Messenger",
        Channel::Instagram => "Instagram",
        Channel::Whatsapp => "WhatsApp",
    }
}

/// A Page's mode.
pub const fn mode(mode: Mode, language: Language) -> &'static str {
    match (mode, language) {
        (Mode::Shadow, Georgian) => "ჩრდილი",
        (Mode::Shadow, English) => "Shadow",
        (Mode::Live, Georgian) => "ჩართული",
        (Mode::Live, English) => "Live",
        (Mode::Paused, Georgian) => "შეჩერებული",
        (Mode::Paused, English) => "Paused",
    }
}

/// The name of an event.
pub const fn event(name: EventName, language: Language) -> &'static str {
    match (name, language) {
        (EventName::Purchase, Georgian) => "გაყიდვა (Purchase)",
        (EventName::Purchase, English) => "Sale (Purchase)",
        (EventName::LeadSubmitted, Georgian) => "კონტაქტი (LeadSubmitted)",
        (EventName::LeadSubmitted, English) => "Lead (LeadSubmitted)",
        (EventName::QualifiedLead, Georgian) => "კონტაქტი (QualifiedLead)",
        (EventName::QualifiedLead, English) => "Lead (QualifiedLead)",
        (EventName::OrderCreated, Georgian) => "შეკვეთა (OrderCreated)",
        (EventName::OrderCreated, English) => "Order (OrderCreated)",
        (EventName::OrderShipped, Georgian) => "გაგზავნა (OrderShipped)",
        (EventName::OrderShipped, English) => "Shipped (OrderShipped)",
        (EventName::OrderDelivered, Georgian) => "ჩაბარება (OrderDelivered)",
        (EventName::OrderDelivered, English) => "Delivered (OrderDelivered)",
        (EventName::OrderCanceled, Georgian) => "გაუქმება (OrderCanceled)",
        (EventName::OrderCanceled, English) => "Cancelled (OrderCanceled)",
        (EventName::OrderReturned, Georgian) => "დაბრუნება (OrderReturned)",
        (EventName::OrderReturned, English) => "Returned (OrderReturned)",
    }
}

/// The name of a conversion's state.
pub const fn state(state: State, language: Language) -> &'static str {
    match (state, language) {
        (State::Held, Georgian) => "დაყოვნებულია",
        (State::Held, English) => "Held",
        (State::Ready, Georgian) => "მზადაა გასაგზავნად",
        (State::Ready, English) => "Ready to leave",
        (State::Sending, Georgian) => "იგზავნება",
        (State::Sending, English) => "On its way",
        (State::Sent, Georgian) => "Meta-მ მიიღო",
        (State::Sent, English) => "Meta took it",
        (State::Suppressed, Georgian) => "არ გაგზავნილა",
        (State::Suppressed, English) => "Not sent",
        (State::Rejected, Georgian) => "Meta-მ უარი თქვა",
        (State::Rejected, English) => "Meta refused it",
        (State::Expired, Georgian) => "ვადა გაუვიდა",
        (State::Expired, English) => "Too old",
        (State::Unknown, Georgian) => "უცნობია, მიიღო თუ არა Meta-მ",
        (State::Unknown, English) => "Unknown whether Meta took it",
    }
}

/// The name of an order's state.
pub const fn order_state(state: fold::State, language: Language) -> &'static str {
    match (state, language) {
        (fold::State::None, Georgian) => "ჯერ არაფერია",
        (fold::State::None, English) => "Nothing stands",
        (fold::State::Confirmed, _) => outcome_kind(OutcomeKind::Confirmed, language),
        (fold::State::Shipped, _) => outcome_kind(OutcomeKind::Shipped, language),
        (fold::State::Delivered, _) => outcome_kind(OutcomeKind::Delivered, language),
        (fold::State::PartReturned, Georgian) => "ნაწილი დაბრუნდა",
        (fold::State::PartReturned, English) => "Returned in part",
        (fold::State::Returned, _) => outcome_kind(OutcomeKind::Returned, language),
        (fold::State::Cancelled, _) => outcome_kind(OutcomeKind::Cancelled, language),
    }
}

/// The reason of a conversion's state, in words.
pub const fn reason(reason: Reason, language: Language) -> &'static str {
    match (reason, language) {
        (Reason::Hold, Georgian) => "ადამიანს ჯერ კიდევ შეუძლია შეაჩეროს",
        (Reason::Hold, English) => "a person can still stop it",
        (Reason::ValueMissing, Georgian) => "ჯამი ჯერ არავის უთქვამს",
        (Reason::ValueMissing, English) => "nobody has said what the order is worth",
        (Reason::PersonMissing, Georgian) => "არ ვიცით, ვისი შეკვეთაა",
        (Reason::PersonMissing, English) => "it is not known whose order it is",
        (Reason::PerhapsSameSale, Georgian) => "შეიძლება იგივე გაყიდვაა, პასუხს ელოდება",
        (Reason::PerhapsSameSale, English) => "perhaps the same sale told again; it waits for an answer",
        (Reason::PerhapsTold, Georgian) => "Meta-მ შეიძლება ეს გაყიდვა უკვე იცის სხვა ნომრით",
        (Reason::PerhapsTold, English) => "Meta perhaps knows of this sale already, under another number",
        (Reason::Contradiction, Georgian) => "ვიღაცამ გაუქმება ან დაბრუნება თქვა, პასუხს ელოდება",
        (Reason::Contradiction, English) => {
            "a cancel or return was told that does not fit; it waits for an answer"
        }
        (Reason::WaitsForPurchase, Georgian) => "ელოდება, სანამ მთავარი გაყიდვა წავა",
        (Reason::WaitsForPurchase, English) => "it waits until the sale itself has left",
        (Reason::Due, Georgian) => "გზაშია",
        (Reason::Due, English) => "it is due",
        (Reason::TryAgain, Georgian) => "Meta-ს ნამდვილად არ მიუღია, ისევ ვცდით",
        (Reason::TryAgain, English) => "Meta has certainly not taken it; it is tried again",
        (Reason::Taken, Georgian) => "მიღებულია",
        (Reason::Taken, English) => "taken",
        (Reason::Cancelled, Georgian) => "შეკვეთა გაუქმდა",
        (Reason::Cancelled, English) => "the order was cancelled",
        (Reason::Undone, Georgian) => "ნიშანი უკან დაბრუნდა",
        (Reason::Undone, English) => "the tag was taken back",
        (Reason::Returned, Georgian) => "ყველაფერი დაბრუნდა",
        (Reason::Returned, English) => "all of it came back",
        (Reason::WorthNothing, Georgian) => "სათქმელი თანხა აღარ რჩება",
        (Reason::WorthNothing, English) => "no sum is left to tell",
        (Reason::Shadow, Georgian) => "გვერდი ჩრდილში იყო",
        (Reason::Shadow, English) => "the Page was in shadow",
        (Reason::ChannelNotSent, Georgian) => "ამ არხის მოვლენები ჯერ არ იგზავნება",
        (Reason::ChannelNotSent, English) => "events of this channel are not sent yet",
        (Reason::NameRefused, Georgian) => "მონაცემთა ნაკრები ამ სახელს არ იღებს",
        (Reason::NameRefused, English) => "the dataset does not take this name",
        (Reason::PurchaseNotSent, Georgian) => "მთავარი გაყიდვა არ წასულა",
        (Reason::PurchaseNotSent, English) => "the sale itself did not leave",
        (Reason::TooOld, Georgian) => "Meta მხოლოდ 7 დღისას იღებს",
        (Reason::TooOld, English) => "Meta takes events of 7 days only",
        (Reason::RegionRefused, Georgian) => "Meta ამ რეგიონის ადამიანებზე ასეთ მოვლენას არ იღებს",
        (Reason::RegionRefused, English) => "Meta takes no such event about people of this region",
        (Reason::Refused, Georgian) => "Meta-მ ეს მოვლენა არ მიიღო",
        (Reason::Refused, English) => "Meta did not accept this event",
        (Reason::AnswerLost, Georgian) => "პასუხი გზაში დაიკარგა",
        (Reason::AnswerLost, English) => "the answer was lost on its way",
    }
}

/// What a person can do about a conversion; `None` where nothing is needed.
pub const fn what_to_do(state: State, reason: Reason, language: Language) -> Option<&'static str> {
    match (state, reason, language) {
        (State::Held, Reason::ValueMissing, Georgian) => Some("მიუთითეთ ჯამი: „გასწორდა“."),
        (State::Held, Reason::ValueMissing, English) => Some("Say what the order is worth: “Set right”."),
        (State::Held, Reason::PersonMissing, Georgian) => {
            Some("მონიშნეთ შეკვეთა ამ ნომრით იმ ჩატში, რომლისაც არის.")
        }
        (State::Held, Reason::PersonMissing, English) => {
            Some("Tag the order by its number in the chat that it belongs to.")
        }
        (State::Held, Reason::PerhapsSameSale | Reason::PerhapsTold, Georgian) => {
            Some("აირჩიეთ, ერთი გაყიდვაა თუ ორი.")
        }
        (State::Held, Reason::PerhapsSameSale | Reason::PerhapsTold, English) => {
            Some("Choose whether it is one sale or two.")
        }
        (State::Held, Reason::Contradiction, Georgian) => Some("მიიღეთ მონიშნული ფაქტი ან უკან დააბრუნეთ."),
        (State::Held, Reason::Contradiction, English) => Some("Accept the flagged fact, or take it back."),
        (State::Rejected, Reason::RegionRefused, Georgian) => {
            Some("ამის გასწორება აქ არ შეიძლება. ფაქტი წიგნში რჩება.")
        }
        (State::Rejected, Reason::RegionRefused, English) => {
            Some("This can't be mended here. The fact stays in the ledger.")
        }
        (State::Rejected, _, Georgian) => Some("ნახეთ Meta-ს სიტყვები, გაასწორეთ მიზეზი და სცადეთ ისევ."),
        (State::Rejected, _, English) => Some("Read Meta's words, mend the cause, then try again."),
        (State::Unknown, _, Georgian) => {
            Some("შეადარეთ Meta-ს Events Manager-ში და გადაწყვიტეთ მცდელობა. თუ არ იცით, დატოვეთ ასე.")
        }
        (State::Unknown, _, English) => {
            Some("Compare with Meta's Events Manager and settle the attempt. If you can't know, leave it.")
        }
        (State::Suppressed, Reason::NameRefused, Georgian) => {
            Some("გვერდის პარამეტრებში სახელი ისევ სცადეთ.")
        }
        (State::Suppressed, Reason::NameRefused, English) => {
            Some("Allow the name again in the Page's settings.")
        }
        (State::Expired, _, Georgian) => Some("ვეღარ გაიგზავნება. ფაქტი წიგნში რჩება."),
        (State::Expired, _, English) => Some("It can't be sent any more. The fact stays in the ledger."),
        _ => None,
    }
}

/// Why a pending tag waits for a person.
pub const fn pending_reason(reason: PendingReason, language: Language) -> &'static str {
    let (georgian, english) = match reason {
        PendingReason::OtherValue => ("შეკვეთა სხვა ჯამით უკვე ღიაა", "an order is open with another total"),
        PendingReason::IllegalMove => {
            ("შეკვეთაზე ახლა ამის თქმა არ შეიძლება", "it can't be said of the order as it stands")
        }
        PendingReason::WhichOrder => {
            ("გაურკვეველია, რომელ შეკვეთაზეა", "it is not clear which order it is about")
        }
        PendingReason::ValueMissing => ("თანხა აკლია", "the amount is missing"),
        PendingReason::PartlyRead(Open::NoAmount) => {
            ("წინადადებაში თანხა ვერ ვიპოვეთ", "the sentence has no amount")
        }
        PendingReason::PartlyRead(Open::UnclearAmount) => ("თანხა გაურკვეველია", "the amount is not clear"),
        PendingReason::PartlyRead(Open::SeveralAmounts) => {
            ("რამდენიმე თანხა წერია", "several amounts are written")
        }
        PendingReason::PartlyRead(Open::SeveralMeanings) => {
            ("რამდენიმე სხვადასხვა წინადადებაა", "sentences of several meanings are there")
        }
        PendingReason::LabelTakenOff => {
            ("იარლიყი დაყოვნების შემდეგ მოიხსნა", "the label was taken off after the hold")
        }
        PendingReason::SaidElsewhere => ("იგივე სხვა გზითაც ითქვა", "the same was said by another door too"),
        PendingReason::Refused => ("ასე ვერ მივიღეთ", "it could not be taken so"),
    };
    match language {
        Georgian => georgian,
        English => english,
    }
}

/// Why a fact does not move its order until a person accepts it.
pub const fn flag(flag: Flag, language: Language) -> &'static str {
    match (flag, language) {
        (Flag::Contradiction, Georgian) => {
            "ეწინააღმდეგება იმას, რაც უკვე მოხდა. არაფერს ცვლის, სანამ არ მიიღებთ."
        }
        (Flag::Contradiction, English) => {
            "It contradicts what happened before. It moves nothing until you accept it."
        }
        (Flag::OtherValue, Georgian) => "სხვა ჯამს ასახელებს. არაფერს ცვლის, სანამ არ მიიღებთ.",
        (Flag::OtherValue, English) => "It names another total. It moves nothing until you accept it.",
        (Flag::OtherCurrency, Georgian) => {
            "სხვა ვალუტაშია, ამიტომ არაფერს ცვლის. გამომგზავნმა უნდა გააუქმოს და შეკვეთის ვალუტით თქვას."
        }
        (Flag::OtherCurrency, English) => {
            "It is in another currency, so it moves nothing. Its sender must take it back and say it in the order's."
        }
        (Flag::PerhapsSamePayment, Georgian) => {
            "შეიძლება იგივე თანხაა, სხვისგან ნათქვამი. არაფერს ცვლის, სანამ არ მიიღებთ."
        }
        (Flag::PerhapsSamePayment, English) => {
            "Perhaps the same money, told by somebody else. It moves nothing until you accept it."
        }
        (Flag::PerhapsSameSale, Georgian) => {
            "შეიძლება იგივე გაყიდვაა სხვა ნომრით. არაფერს ცვლის, სანამ არ მიიღებთ."
        }
        (Flag::PerhapsSameSale, English) => {
            "Perhaps the same sale under another number. It moves nothing until you accept it."
        }
    }
}

/// The text of a failure by its code; `None` for one without a text of its own.
pub fn trouble(code: &str, language: Language) -> Option<&'static str> {
    let (georgian, english) = match code {
        "not_found" | "no_such_route" => (
            "ასეთი რამ არ არის, ან სხვა გვერდს ეკუთვნის.",
            "There is no such thing, or it is another Page's.",
        ),
        "wrong_role" => {
            ("თქვენს როლს ეს არ შეუძლია. ჰკითხეთ ადმინისტრატორს.", "Your role may not do that. Ask an admin.")
        }
        "cross_site" => (
            "ფორმა სხვა საიტიდან მოვიდა და არ მიგვიღია. გახსენით გვერდი თავიდან.",
            "The form came from another site and was not taken. Open the page again.",
        ),
        "session_ended" => ("თქვენი სესია დასრულდა. შედით ისევ.", "Your session ended. Log in again."),
        "wrong_login" => ("სახელი ან პაროლი არასწორია.", "The name or the password is wrong."),
        "too_many_tries" => (
            "ძალიან ბევრი ცდა. დაელოდეთ 15 წუთს ან სთხოვეთ ადმინისტრატორს ახალი ბმული.",
            "Too many tries. Wait 15 minutes, or ask an admin for a new link.",
        ),
        "link_used" => (
            "ბმული უკვე გამოყენებულია ან ვადა გაუვიდა. სთხოვეთ ახალი.",
            "This link was used or is too old. Ask for a new one.",
        ),
        "wrong_code" => (
            "კოდი არასწორია, გამოყენებულია ან ვადა გაუვიდა. ნახეთ სერვისის ჟურნალი.",
            "The code is wrong, used or too old. See the service's log.",
        ),
        "name_taken" => ("ეს სახელი უკვე დაკავებულია.", "Somebody has this name already."),
        "last_admin" => {
            ("ვინმე უნდა დარჩეს, ვისაც მოწვევა შეუძლია.", "Somebody must be left who can invite people.")
        }
        "version_conflict" => (
            "სხვამ დაგასწროთ. ნახეთ, როგორ არის ახლა, და გადაწყვიტეთ თავიდან.",
            "Someone else was quicker. Look at what now stands, and decide anew.",
        ),
        "sale_open_with_other_value" => (
            "ეს გაყიდვა უკვე დადასტურებულია სხვა ჯამით. აირჩიეთ „გასწორდა“, „დაემატა“ ან „ახალი შეკვეთა“.",
            "This sale is already confirmed with another total. Choose “Set right”, “Added to the order” or “Another order”.",
        ),
        "perhaps_same_sale" => (
            "შეიძლება ეს გაყიდვა უკვე ჩაწერილია. აირჩიეთ, რომელი გაყიდვაა.",
            "This sale is perhaps there already. Choose which sale it is.",
        ),
        "contradiction" => (
            "ეს არ ეთანხმება იმას, რაც უკვე წერია. შეამოწმეთ თანხა და ნივთები.",
            "It contradicts what is there already. Check the sum and the pieces.",
        ),
        "illegal_move" => {
            ("შეკვეთაზე ახლა ამის თქმა არ შეიძლება.", "This can't be said of the order as it stands.")
        }
        "which_order" => ("აირჩიეთ, რომელ შეკვეთაზეა.", "Choose which order it is about."),
        "order_belongs_elsewhere" => (
            "ეს ნომერი სხვა ჩატის შეკვეთას ეკუთვნის. შეამოწმეთ ნომერი.",
            "This order number belongs to another conversation. Check the number.",
        ),
        "not_the_newest" => (
            "ამის უკან დაბრუნება აღარ შეიძლება: ჯერ ბოლო ნიშანი დააბრუნეთ.",
            "This can't be taken back: take the newest tag back first.",
        ),
        "not_flagged" => ("აქ მისაღები აღარაფერია.", "There is nothing left to accept."),
        "wrong_state" => ("მოვლენა უკვე სხვა მდგომარეობაშია.", "The event is in another state by now."),
        "not_unknown" => ("ეს მცდელობა უკვე გადაწყვეტილია.", "This attempt is settled already."),
        "no_longer_waits" => (
            "ეს უკვე სხვამ გადაწყვიტა. ნახეთ, როგორ არის ახლა.",
            "Somebody has decided this already. Look at what now stands.",
        ),
        "no_pattern" => (
            "წინადადებას საკუთარი სიტყვები სჭირდება, ერთი {value} თანხისთვის და რამდენიც გინდათ {*}.",
            "A sentence needs words of its own, at most one {value} for the amount, and any number of {*}.",
        ),
        "not_waiting" => ("ეს ჩატი რიგში აღარ დგას.", "This conversation no longer waits."),
        "invalid_field" => {
            ("ველი არასწორია. შეამოწმეთ და სცადეთ ისევ.", "A field is wrong. Check it and try again.")
        }
        _ => return None,
    };
    Some(match language {
        Georgian => georgian,
        English => english,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_both_languages() {
        let georgian = |text: &str| text.chars().any(|letter| ('\u{10d0}'..='\u{10ff}').contains(&letter));
        for kind in OutcomeKind::ALL {
            assert!(georgian(outcome_kind(kind, Georgian)) && !georgian(outcome_kind(kind, English)));
        }
        for name in EventName::ALL {
            assert!(georgian(event(name, Georgian)) && event(name, English).contains(name.as_str()));
        }
        for stands in State::ALL {
            assert!(georgian(state(stands, Georgian)) && !georgian(state(stands, English)));
        }
        assert!(georgian(trouble("wrong_login", Georgian).unwrap()) && trouble("?", English).is_none());
    }
}
