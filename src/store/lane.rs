//! Lanes: a dataset with a token by which events are sent to it, and what stops them. A fault (of the link between Page,
//! token and dataset) is the lane's; throttle and refused event names are the dataset's, on every lane.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{DatasetId, LaneId, PageId};
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::lane::Lane;
use crate::error::{Error, ErrorKind, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// The first byte of a stored token is its format: 0 is clear text, so that an encrypted format can be added.
const TOKEN_IN_CLEAR: u8 = 0;

/// The columns of a lane, for a query that joins it, and the row of its `dataset` if there is one, to a Page.
macro_rules! lane_columns {
    () => {
        "lane.id as lane_id, lane.dataset_id, lane.token, lane.fault, throttled_until"
    };
}
pub(in crate::store) use lane_columns;

/// A lane with due conversions that may be sent, and its Pages that have some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingLane {
    /// Our id of the lane.
    pub lane_id: LaneId,
    /// Its Pages, the one with the nearest deadline first.
    pub pages: Vec<PageId>,
}

/// The pauses of a dataset that Meta throttles without saying for how long.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleSteps {
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Unit {
    /// The id of the lane with this dataset and token; if there is none, one is made with the id `new_lane`.
    pub(in crate::store) async fn find_or_make_lane(
        &mut self,
        lane: &Lane,
        new_lane: &LaneId,
        now: Timestamp,
    ) -> Result<LaneId> {
        let hash = token_hash(&lane.token);
        self.execute(
            "insert into lane (id, dataset_id, token, token_hash, made_at) values ($1, $2, $3, $4, $5)
             on conflict (dataset_id, token_hash) do nothing",
            values![
                new_lane.as_str(),
                lane.dataset_id.as_str(),
                token_bytes(&lane.token),
                hash.as_str(),
                now
            ],
        )
        .await?;
        let found = self.lane_by_token(&lane.dataset_id, &hash).await?;
        found.ok_or_else(|| Error::internal("a lane that was made is not there"))
    }

    /// Replaces the token of a lane, for all its Pages, and clears its fault. Where another lane of the dataset has
    /// that token already, the Pages move to it. Gives the lane that they are on afterwards.
    ///
    /// # Errors
    /// Contended when another unit moved its Pages meanwhile.
    pub(in crate::store) async fn replace_token(
        &mut self,
        lane: &Lane,
        token: &SecretString,
    ) -> Result<LaneId> {
        let hash = token_hash(token);
        let Some(other) = self.lane_by_token(&lane.dataset_id, &hash).await? else {
            let replaced = self
                .execute(
                    "update lane set token = $2, token_hash = $3, fault = null, fault_at = null where id = $1",
                    values![lane.id.as_str(), token_bytes(token), hash],
                )
                .await?;
            if replaced == 0 {
                let message = "The lane became another one at this moment";
                return Err(Error::new(ErrorKind::Contended, "lane_moved", message));
            }
            return Ok(lane.id.clone());
        };
        self.execute(
            "update page set lane_id = $2 where lane_id = $1",
            values![lane.id.as_str(), other.as_str()],
        )
        .await?;
        Ok(other)
    }

    /// Deletes a lane that no Page is on.
    pub(in crate::store) async fn drop_unused_lane(&mut self, id: &LaneId) -> Result<()> {
        let text = "delete from lane where id = $1 and not exists (select 1 from page where lane_id = $1)";
        self.execute(text, values![id.as_str()]).await.map(drop)
    }

    async fn lane_by_token(&mut self, dataset: &DatasetId, hash: &str) -> Result<Option<LaneId>> {
        let text = "select id from lane where dataset_id = $1 and token_hash = $2";
        let row = self.row(text, values![dataset.as_str(), hash]).await?;
        row.map(|row| row.get("id").map(LaneId)).transpose()
    }

    /// Sets the fault of a lane's link, or clears it (`None`), unless the lane has another token by now.
    pub async fn set_fault(&mut self, lane: &Lane, fault: Option<&str>, now: Timestamp) -> Result<()> {
        let fault_at = fault.map(|_| now);
        self.execute(
            "update lane set fault = $3, fault_at = $4 where id = $1 and token_hash = $2",
            values![lane.id.as_str(), token_hash(&lane.token), fault.map(str::to_owned), fault_at],
        )
        .await
        .map(drop)
    }

    /// The lanes with conversions that may be sent at `now`, the one with the nearest deadline (the oldest event) first.
    pub async fn sending_lanes(&mut self, now: Timestamp) -> Result<Vec<SendingLane>> {
        let rows = self
            .rows(
                "select lane_id, page_id
                   from (select lane.id as lane_id, page.id as page_id,
                                (select event_time from conversion
                                  where conversion.page_id = page.id and state = 'ready' and next_at <= $1
                                    and coalesce(lease_until, 0) <= $1
                                  order by event_time limit 1) as deadline
                           from page join lane on lane.id = page.lane_id
                                     left join dataset on dataset.id = lane.dataset_id
                          where mode = 'live' and fault is null and coalesce(throttled_until, 0) <= $1) as due
                  where deadline is not null
                  order by deadline, page_id",
                values![now],
            )
            .await?;
        let mut lanes: Vec<SendingLane> = Vec::new();
        for row in &rows {
            let (lane_id, page) = (LaneId(row.get("lane_id")?), PageId(row.get("page_id")?));
            match lanes.iter_mut().find(|lane| lane.lane_id == lane_id) {
                Some(lane) => lane.pages.push(page),
                None => lanes.push(SendingLane { lane_id, pages: vec![page] }),
            }
        }
        Ok(lanes)
    }

    /// Pauses a dataset: for `by_meta`, the time that Meta gave, or else by `steps`. A pause is never shortened, and a
    /// late answer to a request from before the pause does not double it.
    pub async fn throttle(
        &mut self,
        dataset: &DatasetId,
        by_meta: Option<Duration>,
        steps: ThrottleSteps,
        now: Timestamp,
    ) -> Result<()> {
        let [by_meta, first, longest] = [by_meta.unwrap_or_default(), steps.first, steps.longest]
            .map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        // In milliseconds: $3 the time that Meta gave, 0 if none; $4 the first step, $5 the longest.
        self.execute(
            "insert into dataset (id, throttled_until, throttle_step)
             values ($1, $2 + case when $3 > 0 then $3 else $4 end, case when $3 > 0 then 0 else $4 end)
             on conflict (id) do update
                set throttle_step = case when $3 > 0 or dataset.throttled_until > $2 then dataset.throttle_step
                                         when dataset.throttle_step * 2 > $5 then $5
                                         when dataset.throttle_step = 0 then $4
                                         else dataset.throttle_step * 2 end,
                    throttled_until = case when $3 > 0 and dataset.throttled_until < $2 + $3 then $2 + $3
                                           when $3 > 0 or dataset.throttled_until > $2
                                           then dataset.throttled_until
                                           when dataset.throttle_step * 2 > $5 then $2 + $5
                                           when dataset.throttle_step = 0 then $2 + $4
                                           else $2 + dataset.throttle_step * 2 end",
            values![dataset.as_str(), now, by_meta, first, longest],
        )
        .await?;
        Ok(())
    }

    /// Ends the doubling of pauses, because Meta took a request.
    pub async fn unthrottle(&mut self, dataset: &DatasetId) -> Result<()> {
        self.execute("update dataset set throttle_step = 0 where id = $1", values![dataset.as_str()]).await?;
        Ok(())
    }

    /// Remembers that a dataset does not take events of this name.
    pub async fn refuse_name(&mut self, dataset: &DatasetId, name: EventName, now: Timestamp) -> Result<()> {
        self.execute(
            "insert into refused_name (dataset_id, event_name, refused_at) values ($1, $2, $3)
             on conflict (dataset_id, event_name) do nothing",
            values![dataset.as_str(), name.as_str(), now],
        )
        .await?;
        Ok(())
    }

    /// Allows an event name again that a dataset refused; gives 0 if it did not refuse it, else 1.
    pub async fn allow_name(&mut self, dataset: &DatasetId, name: EventName) -> Result<u64> {
        self.execute(
            "delete from refused_name where dataset_id = $1 and event_name = $2",
            values![dataset.as_str(), name.as_str()],
        )
        .await
    }
}

/// Reads a row with [`lane_columns!`].
pub(in crate::store) fn read_lane(row: &Row) -> Result<Lane> {
    let token: Vec<u8> = row.get("token")?;
    let token = match token.split_first() {
        Some((&TOKEN_IN_CLEAR, text)) => String::from_utf8_lossy(text).into_owned(),
        _ => return Err(Error::internal("a token is stored in a way that this version can't read")),
    };
    Ok(Lane {
        id: LaneId(row.get("lane_id")?),
        dataset_id: DatasetId(row.get("dataset_id")?),
        token: token.into(),
        fault: row.get("fault")?,
        throttled_until: row.time_if_any("throttled_until")?,
    })
}

/// The token as it is stored: [`TOKEN_IN_CLEAR`] and its text.
fn token_bytes(token: &SecretString) -> Vec<u8> {
    [&[TOKEN_IN_CLEAR], token.expose_secret().as_bytes()].concat()
}

/// The SHA-256 of a token, which finds its lane in whatever format the token is stored.
fn token_hash(token: &SecretString) -> String {
    hex::encode(Sha256::digest(token.expose_secret()))
}
