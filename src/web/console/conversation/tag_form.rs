//! The panel of tags: the order that they are about, and a form for each move that is offered.

use crate::domain::inbox::proposal::WrittenAmount;
use crate::domain::operator::Language;
use crate::domain::order::offered_moves::{Offer, OfferedMove, ProposedValue, choosable_orders};
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::tag::Tag;
use crate::domain::order::terms::Item;
use crate::domain::order::typed_tag::TypedTag;
use crate::error::{Error, Result};
use crate::store::page::Page;
use crate::store::product::Product;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::{currency_mark, money, plain_amount, shortened};
use crate::web::console::text::{self, Texts, fill};

/// The answer "another sale" to which sale it is; any other answer is an order's number.
const ANOTHER: &str = "new";

/// The most products that can be tapped.
const PRODUCTS_MAX: usize = 12;

/// The most characters of the message quoted beside a proposed amount.
const QUOTE_MAX: usize = 60;

/// The panel of tags beside the thread.
#[derive(Debug)]
pub struct TagPanel {
    pub title: String,
    /// The orders to choose from, and a new one.
    pub orders: Vec<Choice>,
    pub forms: Vec<TagForm>,
    pub currency: &'static str,
}

/// The form of one tag.
#[derive(Debug)]
pub struct TagForm {
    pub kind: &'static str,
    pub name: &'static str,
    pub open: bool,
    pub subject: Subject,
    pub value: Option<ValueField>,
    /// The reasons to choose from, each a button that saves; none for a kind without reasons.
    pub reasons: Option<Vec<String>>,
    pub save: String,
    pub products: Vec<Choice>,
    pub more: MoreFields,
}

/// The hidden fields: the order that the tag is about, and its version.
#[derive(Debug)]
pub struct Subject {
    pub order: Option<String>,
    pub version: Option<i64>,
    pub reference: Option<String>,
    pub same_as: Option<String>,
}

/// The field of the amount.
#[derive(Debug)]
pub struct ValueField {
    pub label: &'static str,
    pub text: String,
    /// The message that the proposed amount comes from.
    pub hint: Option<String>,
    pub required: bool,
}

/// The fields that are seldom filled in.
#[derive(Debug)]
pub struct MoreFields {
    pub sale: Option<SaleFields>,
    pub asks_waybill: bool,
    pub asks_fee: bool,
    pub note: String,
}

/// Those of a new sale.
#[derive(Debug)]
pub struct SaleFields {
    pub number: String,
    pub delivery_fee: String,
    /// Whether it is another sale, or one of the orders that are there; empty where there are none.
    pub which: Vec<Choice>,
}

/// What the forms depend on besides the offer.
#[derive(Clone, Copy)]
pub struct FormContext<'a> {
    pub page: &'a Page,
    pub products: &'a [Product],
    pub language: Language,
    /// Whether a pending tag is to be settled first.
    pub has_pending: bool,
    /// The form that was refused, if one was.
    pub refused: Option<&'a Form>,
    /// Makes an id for a form, so that one that is sent twice is one fact.
    pub new_reference: &'a dyn Fn() -> String,
}

impl TagPanel {
    /// The panel for what is offered.
    pub fn new(offer: Offer<'_>, context: FormContext<'_>) -> Self {
        let texts = text::of(context.language);
        let moves = offer.moves();
        let retried = context.refused.and_then(|form| form.text("kind"));
        let first = offer.opens_first(context.has_pending).then_some(0);
        let retried_place = || moves.iter().position(|one| retried.as_deref() == Some(one.kind.as_str()));
        let open = if retried.is_some() { Some(retried_place().unwrap_or(0)) } else { first };
        let number = offer.focus.and_then(|ledger| ledger.numbers.first());
        Self {
            title: number.map_or_else(
                || texts.tag_this.to_owned(),
                |number| format!("{}: {}", texts.tag_this, fill(texts.order, &[number])),
            ),
            orders: order_choices(offer, texts),
            forms: moves
                .iter()
                .enumerate()
                .map(|(place, offered)| TagForm::new(offered, open == Some(place), context))
                .collect(),
            currency: currency_mark(context.page.currency),
        }
    }
}

fn order_choices(offer: Offer<'_>, texts: &Texts) -> Vec<Choice> {
    let is_focus = |id| offer.focus.is_some_and(|focus| focus.id == id);
    let mut choices: Vec<Choice> = choosable_orders(offer.aggregate)
        .map(|ledger| {
            let number = ledger.numbers.first().cloned().unwrap_or_default();
            Choice::new(ledger.id.0.clone(), number, is_focus(ledger.id.clone()))
        })
        .collect();
    if !choices.is_empty() {
        choices.push(Choice::new("new", texts.new_order, offer.focus.is_none()));
    }
    choices
}

impl TagForm {
    fn new(offered: &OfferedMove, open: bool, context: FormContext<'_>) -> Self {
        let (kind, texts) = (offered.kind, text::of(context.language));
        let typed = |field: &str| {
            let is_this = |form: &&Form| form.text("kind").as_deref() == Some(kind.as_str());
            context.refused.filter(is_this).and_then(|form| form.text(field))
        };
        let name = text::outcome_kind(kind, context.language);
        Self {
            kind: kind.as_str(),
            name,
            open,
            subject: Subject {
                order: offered.order_number.clone(),
                version: offered.if_version,
                // A sale that is sent twice by one form is one sale, even where the person said that it is another.
                reference: (kind.may_repeat() || offered.is_new_sale).then(context.new_reference),
                same_as: offered.same_as.clone(),
            },
            value: kind.takes_value().then(|| ValueField::new(offered, typed("value"), context)),
            reasons: kind.wants_reason().then(|| {
                let reasons = context.page.reasons.choices_in(kind, context.language);
                reasons.into_iter().map(str::to_owned).collect()
            }),
            save: format!("{}: {name}", texts.save),
            products: if matches!(kind, OutcomeKind::Confirmed | OutcomeKind::CrossSold) {
                context.products.iter().take(PRODUCTS_MAX).map(|one| product(one, context.page)).collect()
            } else {
                Vec::new()
            },
            more: MoreFields {
                sale: offered.is_new_sale.then(|| SaleFields {
                    number: typed("number").unwrap_or_default(),
                    delivery_fee: typed("delivery_fee").unwrap_or_default(),
                    which: which_sale(offered, typed("which").as_deref(), texts),
                }),
                asks_waybill: kind == OutcomeKind::Shipped,
                asks_fee: kind == OutcomeKind::Paid,
                note: typed("note").unwrap_or_default(),
            },
        }
    }
}

/// The answers to whether a sale is another one: nothing is chosen beforehand, unless the person was looking at a new
/// order already.
fn which_sale(offered: &OfferedMove, typed: Option<&str>, texts: &Texts) -> Vec<Choice> {
    if offered.perhaps_same.is_empty() {
        return Vec::new();
    }
    let chosen = typed.map_or(offered.new_order, |typed| typed == ANOTHER);
    let mut choices = vec![Choice::new(ANOTHER, texts.new_order, chosen)];
    choices.extend(offered.perhaps_same.iter().map(|number| {
        let name = fill(texts.same_order, &[number]);
        Choice::new(number.clone(), name, typed == Some(number))
    }));
    choices
}

impl ValueField {
    fn new(offered: &OfferedMove, typed: Option<String>, context: FormContext<'_>) -> Self {
        let texts = text::of(context.language);
        let proposed =
            || offered.value.as_ref().map(|value| plain_amount(value.minor(), context.page.currency));
        Self {
            label: match offered.kind {
                OutcomeKind::CrossSold => texts.value_uplift,
                OutcomeKind::Amended => texts.amended_value,
                OutcomeKind::Returned => texts.value_part,
                OutcomeKind::Paid | OutcomeKind::Refunded => texts.value_sum,
                _ => texts.value,
            },
            text: typed.or_else(proposed).unwrap_or_default(),
            hint: match &offered.value {
                Some(ProposedValue::Written(WrittenAmount { text, .. })) => {
                    Some(fill(texts.from_message, &[&shortened(text, QUOTE_MAX)]))
                }
                Some(ProposedValue::OfOrder(_)) | None => None,
            },
            required: offered.kind.needs_value() && context.products.is_empty(),
        }
    }
}

fn product(product: &Product, page: &Page) -> Choice {
    let name = format!("{} {}", product.name, money(product.price, page.currency));
    Choice::button(product.sku.clone(), name)
}

/// The tag of a filled-in form; a tapped product must be in the price list.
pub fn read_tag(form: &Form, page: &Page, products: &[Product]) -> Result<Tag> {
    let kind = form.text("kind").as_deref().and_then(OutcomeKind::parse);
    let kind = kind.ok_or_else(|| Error::field("/outcome", "Choose what happened."))?;
    let product = form.text("sku").map(|sku| {
        let found = products.iter().find(|product| product.sku == sku);
        found.ok_or_else(|| Error::field("/items", "This product is no longer in the price list."))
    });
    let product = product.transpose()?.map(|product| Item {
        sku: Some(product.sku.clone()),
        name: Some(product.name.clone()),
        quantity: 1,
        unit_price: product.price,
        unit_cost: product.cost,
    });
    let if_version = form.text("if_version").map(|text| text.parse::<i64>()).transpose();
    let typed = TypedTag {
        kind,
        value: form.text("value"),
        delivery_fee: form.text("delivery_fee"),
        fee: form.text("fee"),
        product,
        order_number: form.text("order_id"),
        if_version: if_version.map_err(|_| Error::field("/if_version", "It must be a number."))?,
        new_number: form.text("number"),
        new_order: form.text("which").as_deref() == Some(ANOTHER),
        same_as: form.text("same_as").or_else(|| form.text("which").filter(|which| which != ANOTHER)),
        courier: form.text("courier"),
        waybill: form.text("waybill"),
        reason: form.text("reason"),
        note: form.text("note"),
        reference: form.text("ref"),
    };
    typed.read(page.currency)
}
