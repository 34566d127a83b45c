//! Operators, the people who use the console: their rows, sessions, one-time links, and the tries at their passwords.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OperatorId, PageId};
use crate::domain::operator::{Language, Operator, Role};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, values};

/// An operator as the list shows them.
#[derive(Clone, Debug)]
pub struct OperatorRow {
    /// Their id, name, role, Page and language.
    pub operator: Operator,
    /// Whether they have set a password.
    pub has_password: bool,
    /// When the account was made.
    pub made_at: Timestamp,
    /// When their access was ended.
    pub ended_at: Option<Timestamp>,
}

impl Unit {
    /// Whether any operator was ever added.
    pub async fn has_operators(&mut self) -> Result<bool> {
        Ok(self.row("select id from operator limit 1", values![]).await?.is_some())
    }

    /// All operators, by name.
    pub async fn operators(&mut self) -> Result<Vec<OperatorRow>> {
        let rows = self
            .rows(
                "select id, name, role, page_id, language, made_at, ended_at,
                        cast(case when password is null then 0 else 1 end as bigint) as has_password
                   from operator order by name_key",
                values![],
            )
            .await?;
        let listed = |row: &Row| {
            Ok(OperatorRow {
                operator: read_operator(row)?,
                has_password: row.get::<i64>("has_password")? != 0,
                made_at: row.time("made_at")?,
                ended_at: row.get::<Option<i64>>("ended_at")?.map(Timestamp::from_millis),
            })
        };
        rows.iter().map(listed).collect()
    }

    /// Adds a person; false if somebody has this name already.
    pub async fn add_operator(
        &mut self,
        operator: &Operator,
        name_key: &str,
        password: Option<String>,
        now: Timestamp,
    ) -> Result<bool> {
        let added = self
            .execute(
                "insert into operator (id, name, name_key, role, page_id, language, password, made_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)
                 on conflict (name_key) do nothing",
                values![
                    operator.id.as_str(),
                    operator.name.as_str(),
                    name_key,
                    operator.role.as_str(),
                    operator.page.as_ref().map(|page| page.0.clone()),
                    operator.language.as_str(),
                    password,
                    now,
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// The person of this name with the hash of their password, unless they left.
    pub async fn operator_named(&mut self, name_key: &str) -> Result<Option<(Operator, Option<String>)>> {
        let row = self
            .row(
                "select id, name, role, page_id, language, password
                   from operator where name_key = $1 and ended_at is null",
                values![name_key],
            )
            .await?;
        row.map(|row| Ok((read_operator(&row)?, row.get("password")?))).transpose()
    }

    /// The person of this id, unless they left.
    pub async fn operator(&mut self, id: &OperatorId) -> Result<Option<Operator>> {
        let row = self
            .row(
                "select id, name, role, page_id, language from operator where id = $1 and ended_at is null",
                values![id.as_str()],
            )
            .await?;
        row.as_ref().map(read_operator).transpose()
    }

    /// Sets the hash of a person's password.
    pub async fn set_password(&mut self, id: &OperatorId, password: &str) -> Result<()> {
        let text = "update operator set password = $2 where id = $1";
        self.execute(text, values![id.as_str(), password]).await.map(drop)
    }

    /// Sets a person's role and Page; false if there is none of this id.
    pub async fn set_role(&mut self, id: &OperatorId, role: Role, page: Option<&PageId>) -> Result<bool> {
        let text = "update operator set role = $2, page_id = $3 where id = $1 and ended_at is null";
        let page = page.map(|page| page.0.clone());
        Ok(self.execute(text, values![id.as_str(), role.as_str(), page]).await? == 1)
    }

    /// Ends a person's access; false if there is none of this id.
    pub async fn end_operator(&mut self, id: &OperatorId, now: Timestamp) -> Result<bool> {
        let text = "update operator set ended_at = $2, password = null where id = $1 and ended_at is null";
        Ok(self.execute(text, values![id.as_str(), now]).await? == 1)
    }

    /// Counts the admins for all Pages who have access, and locks their rows until the unit ends, so that two of them
    /// can't end each other's access at once.
    pub async fn count_admins(&mut self) -> Result<usize> {
        let text = Pair {
            sqlite: "select id from operator
                      where role = 'admin' and page_id is null and ended_at is null order by id",
            postgres: "select id from operator
                        where role = 'admin' and page_id is null and ended_at is null order by id for update",
        };
        Ok(self.rows(text, values![]).await?.len())
    }

    /// Sets a person's language.
    pub async fn set_language(&mut self, id: &OperatorId, language: Language) -> Result<()> {
        let text = "update operator set language = $2 where id = $1";
        self.execute(text, values![id.as_str(), language.as_str()]).await.map(drop)
    }

    /// Begins a session.
    pub async fn add_session(
        &mut self,
        hash: &str,
        id: &OperatorId,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into session (hash, operator_id, made_at, ends_at) values ($1, $2, $3, $4)",
            values![hash, id.as_str(), now, ends_at],
        )
        .await
        .map(drop)
    }

    /// The operator of a session, while it lasts.
    pub async fn operator_in_session(&mut self, hash: &str, now: Timestamp) -> Result<Option<Operator>> {
        let row = self
            .row(
                "select operator.id, name, role, page_id, language
                   from session join operator on operator.id = session.operator_id
                  where session.hash = $1 and session.ends_at > $2 and operator.ended_at is null",
                values![hash, now],
            )
            .await?;
        row.as_ref().map(read_operator).transpose()
    }

    /// Ends one session.
    pub async fn end_session(&mut self, hash: &str) -> Result<()> {
        self.execute("delete from session where hash = $1", values![hash]).await.map(drop)
    }

    /// Ends all sessions of a person.
    pub async fn end_sessions(&mut self, id: &OperatorId) -> Result<()> {
        self.execute("delete from session where operator_id = $1", values![id.as_str()]).await.map(drop)
    }

    /// Adds a one-time link for a person, or a code for the first admin.
    pub async fn add_invitation(
        &mut self,
        hash: &str,
        id: Option<&OperatorId>,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into invitation (hash, operator_id, made_at, ends_at) values ($1, $2, $3, $4)",
            values![hash, id.map(|id| id.0.clone()), now, ends_at],
        )
        .await
        .map(drop)
    }

    /// The operator that a one-time link was made for, while it is valid.
    pub async fn invited(&mut self, hash: &str, now: Timestamp) -> Result<Option<Operator>> {
        let row = self
            .row(
                "select operator.id, name, role, page_id, language
                   from invitation join operator on operator.id = invitation.operator_id
                  where invitation.hash = $1 and invitation.ends_at > $2 and operator.ended_at is null",
                values![hash, now],
            )
            .await?;
        row.as_ref().map(read_operator).transpose()
    }

    /// Uses up a one-time link or code; false if it was used or is too old.
    pub async fn use_invitation(&mut self, hash: &str, now: Timestamp) -> Result<bool> {
        let text = "delete from invitation where hash = $1 and ends_at > $2";
        Ok(self.execute(text, values![hash, now]).await? == 1)
    }

    /// Ends the one-time links of a person.
    pub async fn end_invitations(&mut self, id: &OperatorId) -> Result<()> {
        self.execute("delete from invitation where operator_id = $1", values![id.as_str()]).await.map(drop)
    }

    /// When the last code for the first admin was made.
    pub async fn last_code_at(&mut self) -> Result<Option<Timestamp>> {
        let text = "select max(made_at) as made_at from invitation where operator_id is null";
        let row = self.row(text, values![]).await?;
        Ok(row
            .map(|row| row.get::<Option<i64>>("made_at"))
            .transpose()?
            .flatten()
            .map(Timestamp::from_millis))
    }

    /// Ends the codes for the first admin.
    pub async fn end_codes(&mut self) -> Result<()> {
        self.execute("delete from invitation where operator_id is null", values![]).await.map(drop)
    }

    /// Whether an account has its places for tries: each is a row that holds the time of one try.
    pub async fn has_tries(&mut self, account: &str) -> Result<bool> {
        let text = "select place from login_try where account = $1 limit 1";
        Ok(self.row(text, values![account]).await?.is_some())
    }

    /// Makes sure that an account has its `places` for tries.
    pub async fn open_tries(&mut self, account: &str, places: i64) -> Result<()> {
        for place in 0..places {
            self.execute(
                "insert into login_try (account, place, tried_at) values ($1, $2, 0)
                 on conflict (account, place) do nothing",
                values![account, place],
            )
            .await?;
        }
        Ok(())
    }

    /// Takes a place whose last try is no later than `since` for a try now; false if there is none, so that the account
    /// is locked.
    pub async fn take_try(&mut self, account: &str, now: Timestamp, since: Timestamp) -> Result<bool> {
        let taken = self
            .execute(
                "update login_try set tried_at = $2
                  where account = $1 and tried_at <= $3
                    and place = (select place from login_try
                                  where account = $1 and tried_at <= $3 order by tried_at, place limit 1)",
                values![account, now, since],
            )
            .await?;
        Ok(taken == 1)
    }

    /// Drops sessions and links that ended, and accounts without a try since `tried_before`.
    pub async fn drop_old_logins(&mut self, now: Timestamp, tried_before: Timestamp) -> Result<()> {
        self.execute("delete from session where ends_at <= $1", values![now]).await?;
        self.execute("delete from invitation where ends_at <= $1", values![now]).await?;
        // All places of an account or none: an account that has rows has all of them.
        self.execute(
            "delete from login_try
              where account in (select account from login_try group by account having max(tried_at) < $1)",
            values![tried_before],
        )
        .await
        .map(drop)
    }
}

fn read_operator(row: &Row) -> Result<Operator> {
    Ok(Operator {
        id: OperatorId(row.get("id")?),
        name: row.get("name")?,
        role: row.word("role", Role::parse)?,
        page: row.get::<Option<String>>("page_id")?.map(PageId),
        language: row.word("language", Language::parse)?,
    })
}
