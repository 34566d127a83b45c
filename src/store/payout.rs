//! Payouts: a courier's remittances, each one sum for many parcels.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;
use crate::domain::order::payout::{Payout, RecordedPayout};
use crate::error::Result;
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// Selects payouts; `$which` are the clauses from `where` on.
macro_rules! payout_rows {
    ($which:literal) => {
        concat!(
            "select id, page_id, courier, reference, currency, gross, fee, paid_at, bank_line, settled_at, recorded_at
               from payout ",
            $which
        )
    };
}

impl Unit {
    /// Books a payout unless it is known; true if it was new.
    pub async fn add_payout(
        &mut self,
        id: &str,
        payout: &Payout,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let added = self
            .execute(
                "insert into payout (id, page_id, courier, reference, currency, gross, fee, paid_at, bank_line,
                                     settled_at, recorded_at, actor)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                 on conflict (page_id, courier, reference) do nothing",
                values![
                    id,
                    payout.page_id.as_str(),
                    payout.courier.as_str(),
                    payout.reference.as_str(),
                    payout.currency.code(),
                    payout.gross,
                    payout.fee,
                    payout.paid_at,
                    payout.bank_line.clone(),
                    payout.bank_line.as_ref().map(|_| now),
                    now,
                    actor,
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// The payout of this courier and `ref`.
    pub async fn payout(
        &mut self,
        page: &PageId,
        courier: &str,
        reference: &str,
    ) -> Result<Option<RecordedPayout>> {
        let row = self
            .row(
                payout_rows!("where page_id = $1 and courier = $2 and reference = $3"),
                values![page.as_str(), courier, reference],
            )
            .await?;
        row.as_ref().map(read_payout).transpose()
    }

    /// Settles a payout by its line of the bank's statement.
    pub async fn settle_payout(&mut self, id: &str, bank_line: &str, now: Timestamp) -> Result<()> {
        self.execute(
            "update payout set bank_line = $2, settled_at = $3 where id = $1 and bank_line is null",
            values![id, bank_line, now],
        )
        .await?;
        Ok(())
    }

    /// Payouts of a Page, newest first.
    pub async fn payouts(&mut self, part: ListRange<'_>) -> Result<Vec<RecordedPayout>> {
        let rows = self
            .rows(
                payout_rows!(
                    "where page_id = $1 and (recorded_at < $2 or (recorded_at = $2 and id < $3))
                     order by recorded_at desc, id desc limit $4"
                ),
                part.values(),
            )
            .await?;
        rows.iter().map(read_payout).collect()
    }
}

fn read_payout(row: &Row) -> Result<RecordedPayout> {
    Ok(RecordedPayout {
        id: row.get("id")?,
        payout: Payout {
            page_id: PageId(row.get("page_id")?),
            courier: row.get("courier")?,
            reference: row.get("reference")?,
            currency: row.word("currency", Currency::parse)?,
            gross: row.get("gross")?,
            fee: row.get("fee")?,
            paid_at: row.time("paid_at")?,
            bank_line: row.get("bank_line")?,
        },
        settled_at: row.time_if_any("settled_at")?,
        recorded_at: row.time("recorded_at")?,
        known: false,
    })
}
