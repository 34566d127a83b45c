//! Payouts: what a courier took at the doors, less its fee, paid to the shop in one sum. Each parcel's money is counted by
//! its own `paid`; a payout settles those and adds nothing to them, so that no money counts twice.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;

/// A payout as a courier's file, the CRM or the bank reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// The Page whose parcels it covers.
    pub page_id: PageId,
    /// The name of the courier who paid.
    pub courier: String,
    /// The courier's number of the remittance.
    pub reference: String,
    /// The currency of both sums.
    pub currency: Currency,
    /// The sum that the courier took at the doors, in minor units.
    pub gross: i64,
    /// The part of it that the courier kept, in minor units.
    pub fee: i64,
    /// When the courier paid, by its own statement.
    pub paid_at: Timestamp,
    /// The reference of the bank's line by which the money arrived; with it the payout is settled.
    pub bank_line: Option<String>,
}

/// A payout as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPayout {
    /// Our own id of the payout.
    pub id: String,
    /// The latest that was reported of it.
    pub payout: Payout,
    /// When its bank line was first reported.
    pub settled_at: Option<Timestamp>,
    /// When it was first reported.
    pub recorded_at: Timestamp,
    /// Whether this report said nothing new.
    pub known: bool,
}

impl RecordedPayout {
    /// Why `reported` can't be the same payout, if it can't, as a sentence for the 409.
    pub fn contradicts(&self, reported: &Payout) -> Option<&'static str> {
        let stored = &self.payout;
        let other_sum =
            (stored.gross, stored.fee, stored.currency) != (reported.gross, reported.fee, reported.currency);
        let other_line = stored.bank_line.is_some()
            && reported.bank_line.is_some()
            && stored.bank_line != reported.bank_line;
        if other_sum {
            Some("This payout is known with other sums: check the courier's file.")
        } else if other_line {
            Some("This payout is already settled by another line of the bank.")
        } else {
            None
        }
    }
}
