//! Labels of Meta's inbox: their names, when they were put on people and taken off, and the removals by the service
//! itself.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::aggregate::Thread;
use crate::domain::inbox::label::{LabelMoment, WriteBack};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// A row of a label change on the person of a conversation.
#[derive(Clone, Debug)]
pub struct LabelChangeRow {
    /// Meta's id of the label, which its webhooks carry.
    pub label_id: String,
    /// Its name, once it is known.
    pub name: Option<String>,
    /// Whether it was put on or taken off, and when.
    pub change: LabelMoment,
    /// The entry that it led to, or a word for none; `None` until it has had its effect.
    pub effect: Option<String>,
}

/// A label whose name is not known yet, because Meta's webhook left it out.
#[derive(Clone, Debug)]
pub struct WantedLabelName {
    /// The Page in whose inbox the label is.
    pub page: PageId,
    /// Meta's id of the label.
    pub label_id: String,
    /// How often Meta was asked.
    pub tries: i64,
}

/// The result of asking Meta to take a label off.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemovalOutcome {
    /// When Meta was asked; `None` where it certainly did not take the label off.
    pub asked_at: Option<Timestamp>,
    /// When Meta confirmed it.
    pub done_at: Option<Timestamp>,
    /// When Meta is to be asked again.
    pub next_at: Option<Timestamp>,
}

/// The removal of a label by the service, planned or done.
#[derive(Clone, Debug)]
pub struct LabelRemoval {
    /// The conversation whose person bears the label.
    pub conversation: ConversationId,
    /// Meta's id of the label.
    pub label_id: String,
    /// When the period began that the removal ends.
    pub began_at: Timestamp,
    /// When Meta was last asked.
    pub asked_at: Option<Timestamp>,
    /// Whether Meta confirmed it.
    pub done: bool,
    /// How often Meta was asked.
    pub tries: i64,
}

impl LabelRemoval {
    /// The removal as label periods count it; `None` until Meta was asked.
    pub fn as_write_back(&self) -> Option<WriteBack> {
        Some(WriteBack { asked_at: self.asked_at?, done: self.done })
    }
}

impl Unit {
    /// The name of a label, if it is known.
    pub async fn label_name(&mut self, page: &PageId, label_id: &str) -> Result<Option<String>> {
        let row = self
            .row(
                "select name from label_name where page_id = $1 and label_id = $2",
                values![page.as_str(), label_id],
            )
            .await?;
        Ok(row.map(|row| row.get::<Option<String>>("name")).transpose()?.flatten())
    }

    /// Stores the name of a label, unless a later one is known.
    pub async fn set_label_name(
        &mut self,
        page: &PageId,
        label_id: &str,
        name: &str,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into label_name (page_id, label_id, name, named_at, tries) values ($1, $2, $3, $4, 0)
             on conflict (page_id, label_id) do update
                set name = excluded.name, named_at = excluded.named_at, next_at = null
              where label_name.name is null or label_name.named_at <= excluded.named_at",
            values![page.as_str(), label_id, name, at],
        )
        .await?;
        Ok(())
    }

    /// Plans to ask for the name of a label, unless it is known or planned already.
    pub async fn want_label_name(&mut self, page: &PageId, label_id: &str, now: Timestamp) -> Result<()> {
        self.execute(
            "insert into label_name (page_id, label_id, named_at, next_at, tries) values ($1, $2, 0, $3, 0)
             on conflict (page_id, label_id) do nothing",
            values![page.as_str(), label_id, now],
        )
        .await?;
        Ok(())
    }

    /// The labels whose names are due to be asked for by `now`, on Pages whose lane has no fault.
    pub async fn wanted_label_names(&mut self, now: Timestamp, limit: i64) -> Result<Vec<WantedLabelName>> {
        let rows = self
            .rows(
                "select page_id, label_id, tries
                   from label_name join page on page.id = page_id join lane on lane.id = page.lane_id
                  where next_at <= $1 and label_name.name is null and fault is null
                  order by next_at, page_id, label_id limit $2",
                values![now, limit],
            )
            .await?;
        let wanted = |row: &Row| {
            Ok(WantedLabelName {
                page: PageId(row.get("page_id")?),
                label_id: row.get("label_id")?,
                tries: row.get("tries")?,
            })
        };
        rows.iter().map(wanted).collect()
    }

    /// Records that a name was asked for and not given; it is asked for again at `next_at`, or never.
    pub async fn label_name_refused(
        &mut self,
        page: &PageId,
        label_id: &str,
        next_at: Option<Timestamp>,
    ) -> Result<()> {
        self.execute(
            "update label_name set tries = tries + 1, next_at = $3 where page_id = $1 and label_id = $2",
            values![page.as_str(), label_id, next_at],
        )
        .await?;
        Ok(())
    }

    /// Stores a label change; false if it was known.
    pub async fn add_label_change(
        &mut self,
        conversation: &ConversationId,
        page: &PageId,
        label_id: &str,
        change: LabelMoment,
    ) -> Result<bool> {
        let added = self
            .execute(
                "insert into label_change (conversation_id, label_id, changed_at, added, page_id)
                 values ($1, $2, $3, $4, $5)
                 on conflict (conversation_id, label_id, changed_at, added) do nothing",
                values![conversation.as_str(), label_id, change.at, change.added, page.as_str()],
            )
            .await?;
        Ok(added == 1)
    }

    /// All label changes of a conversation.
    pub async fn label_changes(&mut self, conversation: &ConversationId) -> Result<Vec<LabelChangeRow>> {
        let rows = self
            .rows(
                "select label_change.label_id, name, changed_at, added, effect
                   from label_change left join label_name on label_name.page_id = label_change.page_id
                                                         and label_name.label_id = label_change.label_id
                  where conversation_id = $1
                  order by label_change.label_id, changed_at, added",
                values![conversation.as_str()],
            )
            .await?;
        let read = |row: &Row| {
            Ok(LabelChangeRow {
                label_id: row.get("label_id")?,
                name: row.get("name")?,
                change: LabelMoment { at: row.time("changed_at")?, added: row.get::<i64>("added")? != 0 },
                effect: row.get("effect")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Sets the effect of a label change; `None` when it is to be decided anew.
    pub async fn label_change_taken(
        &mut self,
        conversation: &ConversationId,
        label_id: &str,
        change: LabelMoment,
        effect: Option<&str>,
    ) -> Result<()> {
        self.execute(
            "update label_change set effect = $5
              where conversation_id = $1 and label_id = $2 and changed_at = $3 and added = $4",
            values![conversation.as_str(), label_id, change.at, change.added, effect.map(str::to_owned)],
        )
        .await?;
        Ok(())
    }

    /// Deletes the changes of a label that has no meaning on its Page.
    pub async fn drop_label_changes(&mut self, page: &PageId, label_id: &str) -> Result<()> {
        self.execute(
            "delete from label_change where page_id = $1 and label_id = $2 and effect is null",
            values![page.as_str(), label_id],
        )
        .await?;
        Ok(())
    }

    /// The conversations with a change of this label that has had no effect yet.
    pub async fn conversations_with_label(
        &mut self,
        page: &PageId,
        label_id: &str,
    ) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation_id from label_change
                  where page_id = $1 and label_id = $2 and effect is null order by conversation_id",
                values![page.as_str(), label_id],
            )
            .await?;
        rows.iter().map(|row| row.get("conversation_id").map(ConversationId)).collect()
    }

    /// Plans the removal of a label by the service.
    pub async fn add_label_write(
        &mut self,
        thread: &Thread,
        label_id: &str,
        began_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into label_removal (conversation_id, label_id, began_at, page_id, next_at, tries)
             values ($1, $2, $3, $4, $5, 0) on conflict (conversation_id, label_id, began_at) do nothing",
            values![thread.id.as_str(), label_id, began_at, thread.page_id.as_str(), now],
        )
        .await?;
        Ok(())
    }

    /// Drops a planned removal, because a person took the label off first; one that Meta was asked for stays.
    pub async fn drop_label_writes(&mut self, conversation: &ConversationId, label_id: &str) -> Result<()> {
        self.execute(
            "delete from label_removal where conversation_id = $1 and label_id = $2 and asked_at is null",
            values![conversation.as_str(), label_id],
        )
        .await?;
        Ok(())
    }

    /// The removals by the service in a conversation, planned and done.
    pub async fn label_writes(&mut self, conversation: &ConversationId) -> Result<Vec<LabelRemoval>> {
        let rows = self
            .rows(
                "select conversation_id, label_id, began_at, asked_at, done_at, tries from label_removal
                  where conversation_id = $1 order by label_id, began_at",
                values![conversation.as_str()],
            )
            .await?;
        rows.iter().map(read_removal).collect()
    }

    /// The removals that are due by `now`, on live Pages whose lane has no fault.
    pub async fn due_label_writes(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(PageId, LabelRemoval)>> {
        let rows = self
            .rows(
                "select page_id, conversation_id, label_id, began_at, asked_at, done_at, tries
                   from label_removal join page on page.id = page_id join lane on lane.id = page.lane_id
                  where next_at <= $1 and mode = 'live' and fault is null
                  order by next_at, conversation_id, label_id limit $2",
                values![now, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((PageId(row.get("page_id")?), read_removal(row)?))).collect()
    }

    /// Records that Meta is about to be asked, and that no other replica asks until `next_at`; false if one does
    /// already.
    pub async fn ask_label_write(
        &mut self,
        write: &LabelRemoval,
        now: Timestamp,
        next_at: Timestamp,
    ) -> Result<bool> {
        let asked = self
            .execute(
                "update label_removal set asked_at = $4, next_at = $5, tries = tries + 1
                  where conversation_id = $1 and label_id = $2 and began_at = $3 and next_at <= $4",
                values![write.conversation.as_str(), write.label_id.as_str(), write.began_at, now, next_at],
            )
            .await?;
        Ok(asked == 1)
    }

    /// Writes the result of asking Meta.
    pub async fn settle_label_write(&mut self, write: &LabelRemoval, outcome: RemovalOutcome) -> Result<()> {
        self.execute(
            "update label_removal set asked_at = $4, done_at = $5, next_at = $6
              where conversation_id = $1 and label_id = $2 and began_at = $3",
            values![
                write.conversation.as_str(),
                write.label_id.as_str(),
                write.began_at,
                outcome.asked_at,
                outcome.done_at,
                outcome.next_at,
            ],
        )
        .await?;
        Ok(())
    }
}

fn read_removal(row: &Row) -> Result<LabelRemoval> {
    Ok(LabelRemoval {
        conversation: ConversationId(row.get("conversation_id")?),
        label_id: row.get("label_id")?,
        began_at: row.time("began_at")?,
        asked_at: row.get::<Option<i64>>("asked_at")?.map(Timestamp::from_millis),
        done: row.get::<Option<i64>>("done_at")?.is_some(),
        tries: row.get("tries")?,
    })
}
