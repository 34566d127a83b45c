//! A courier's remittance: what it took at the doors, less its fee, paid to the shop in one sum. It settles
//! parcels that are counted one by one as `paid`, and never adds to them.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;

/// A payout as its sender tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// The Page whose parcels it covers.
    pub page_id: PageId,
    /// The courier's name.
    pub courier: String,
    /// The courier's number of the remittance.
    pub reference: String,
    /// The currency of both sums.
    pub currency: Currency,
    /// What the courier took, in minor units.
    pub gross: i64,
    /// What the courier kept of it, in minor units.
    pub fee: i64,
    /// When it was paid out.
    pub paid_at: Timestamp,
    /// The bank's line by which it arrived: it is settled.
    pub bank_line: Option<String>,
}

/// A payout in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Our id.
    pub id: String,
    /// What is known of it.
    pub payout: Payout,
    /// When the bank's line was told.
    pub settled_at: Option<Timestamp>,
    /// When it was first told.
    pub recorded_at: Timestamp,
    /// Nothing new was told.
    pub known: bool,
}

impl Booked {
    /// Why `told` can't be the same payout, if it can't.
    pub fn contradicts(&self, told: &Payout) -> Option<&'static str> {
        let stands = &self.payout;
        let other_sum = (stands.gross, stands.fee, stands.currency) != (told.gross, told.fee, told.currency);
        let other_line =
            stands.bank_line.is_some() && told.bank_line.is_some() && stands.bank_line != told.bank_line;
        if other_sum {
            Some("This payout is known with other sums: check the courier's file.")
        } else if other_line {
            Some("This payout is already settled by another line of the bank.")
        } else {
            None
        }
    }
}
