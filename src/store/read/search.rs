//! Conversations by filter: state, person, phone number, order number or name.

use crate::domain::order::number::number_key;
use crate::error::Result;
use crate::store::conversation::{ConversationRow, conversation_rows, read_conversation};
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::values;

/// Which conversations are listed; `None` sets no condition.
#[derive(Clone, Debug, Default)]
pub struct ConversationSearch {
    /// The state in the queue: `waiting`, `snoozed` or `done`.
    pub state: Option<String>,
    /// Whether a person is asked about one of its orders.
    pub flagged: Option<bool>,
    /// The person's id on the channel.
    pub person_id: Option<String>,
    /// The hash of a phone number that was given in it.
    pub phone_hash: Option<String>,
    /// An order number, or a part of the person's name.
    pub words: Option<String>,
}

impl Unit {
    /// The conversations that match, the one with the latest message first.
    pub async fn conversations_sought(
        &mut self,
        part: ListRange<'_>,
        sought: &ConversationSearch,
    ) -> Result<Vec<ConversationRow>> {
        let mut values = part.values();
        values.extend(values![
            sought.state.clone(),
            sought.person_id.clone(),
            sought.phone_hash.clone(),
            sought.words.clone(),
            sought.words.as_deref().map(like),
            sought.words.as_deref().map(number_key),
            sought.flagged.map(i64::from),
        ]);
        let text = conversation_rows!(
            "where conversation.id in
                   (select conversation_id from recipient
                     where page_id = $1 and channel in ('messenger', 'instagram', 'whatsapp') and person_id = $6
                    union select conversation_id from phone_mention where page_id = $1 and hash = $7
                    union select sale_order.conversation_id
                            from order_number join sale_order on sale_order.id = order_number.order_id
                           where order_number.page_id = $1 and order_number.number_key = $10
                    union select conversation_id from customer
                           where page_id = $1 and $9 is not null and lower(name) like lower($9) escape '!')
               and conversation.page_id = $1 and ($5 is null or state = $5)
               and ($6 is null or person_id = $6)
               and ($7 is null or exists (select 1 from phone_mention
                                           where phone_mention.conversation_id = conversation.id and hash = $7
                                             and mentioned_by in ('customer', 'tag')))
               and ($8 is null or lower(name) like lower($9) escape '!'
                    or exists (select 1 from order_number join sale_order on sale_order.id = order_number.order_id
                                where sale_order.conversation_id = conversation.id
                                  and order_number.page_id = $1 and order_number.number_key = $10))
               and (cast($11 as bigint) is null or $11 = (
                    select count(*) from (select 1 from sale_order
                                           where page_id = $1 and sale_order.conversation_id = conversation.id
                                             and flagged = 1 and joined_into is null limit 1) as asked))
               and (last_at < $2 or (last_at = $2 and conversation.id < $3))
             order by last_at desc, conversation.id desc limit $4"
        );
        self.rows(text, values).await?.iter().map(read_conversation).collect()
    }
}

/// A pattern for `like … escape '!'` that finds the words anywhere.
fn like(words: &str) -> String {
    let mut pattern = String::from("%");
    for letter in words.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pattern_takes_words_as_they_are() {
        assert_eq!(super::like("50% o_f!"), "%50!% o!_f!!%");
    }
}
