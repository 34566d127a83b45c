//! Stored answers: each is kept with its effect, so that the same request again gets the first answer.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::values;

/// The identity of a request that may come again: API key, route and Idempotency-Key.
#[derive(Clone, Copy, Debug)]
pub struct RequestName<'a> {
    /// The API key's id.
    pub key_id: &'a str,
    /// The route with the ids in it, such as `outcomes/7/undo`.
    pub route: &'a str,
    /// The Idempotency-Key that the client chose.
    pub key: &'a str,
}

/// A stored answer.
#[derive(Clone, Debug)]
pub struct StoredAnswer {
    /// SHA-256 of the request's body, in hex.
    pub body_hash: String,
    /// The HTTP status.
    pub status: i64,
    /// The body of the answer.
    pub answer: String,
}

impl Unit {
    /// The answer that was given since `since` to a request of this name.
    pub async fn stored_answer(
        &mut self,
        name: RequestName<'_>,
        since: Timestamp,
    ) -> Result<Option<StoredAnswer>> {
        let rows = self
            .rows_beside(
                "select body_hash, status, answer from idempotent_answer
                  where key_id = $1 and route = $2 and idempotency_key = $3 and made_at > $4",
                values![name.key_id, name.route, name.key, since],
            )
            .await?;
        rows.first()
            .map(|row| {
                Ok(StoredAnswer {
                    body_hash: row.get("body_hash")?,
                    status: row.get("status")?,
                    answer: row.get("answer")?,
                })
            })
            .transpose()
    }

    /// Stores an answer at `now`; false if a request of this name was answered since `since`.
    pub async fn store_answer(
        &mut self,
        name: RequestName<'_>,
        stored: &StoredAnswer,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool> {
        let kept = self
            .execute_beside(
                "insert into idempotent_answer (key_id, route, idempotency_key, body_hash, status, answer, made_at)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (key_id, route, idempotency_key) do update
                    set body_hash = excluded.body_hash, status = excluded.status, answer = excluded.answer,
                        made_at = excluded.made_at
                  where idempotent_answer.made_at <= $8",
                values![
                    name.key_id,
                    name.route,
                    name.key,
                    stored.body_hash.as_str(),
                    stored.status,
                    stored.answer.as_str(),
                    now,
                    since,
                ],
            )
            .await?;
        Ok(kept == 1)
    }

    /// Drops the answers from before a moment.
    pub async fn drop_old_answers(&mut self, before: Timestamp) -> Result<u64> {
        self.execute("delete from idempotent_answer where made_at < $1", values![before]).await
    }
}
