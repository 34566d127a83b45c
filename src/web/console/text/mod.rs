//! The texts of the console, in Georgian and in English, side by side: a text without its translation does not compile.
//! `{}` is the place of what is filled in.

mod terms;

pub use terms::{
    channel, event, flag, mode, order_state, outcome_kind, pending_reason, reason, source, state, trouble,
    what_to_do,
};

use crate::domain::operator::Language;

macro_rules! words {
    ($($key:ident: $georgian:literal, $english:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub struct Texts {
            $(pub $key: &'static str,)*
        }

        const GEORGIAN: Texts = Texts { $($key: $georgian,)* };
        const ENGLISH: Texts = Texts { $($key: $english,)* };

        /// Every key with its Georgian and its English words.
        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($key), $georgian, $english),)*];
    };
}

words! {
    accepted: "მიღებულია", "Accepted";
    accept: "მიღება", "Accept";
    ad: "რეკლამა", "Ad";
    ad_first: "პირველი რეკლამა: {}", "First ad: {}";
    ad_last: "ბოლო რეკლამა: {}", "Last ad: {}";
    all: "ყველა", "All";
    already_said: "ეს უკვე თქვა {}: {}", "{} already said so: {}";
    amended_value: "სწორი ჯამი", "The right total";
    attachment: "[დანართი]", "[attachment]";
    by_app: "აპი", "App";
    by_customer: "მომხმარებელი", "Customer";
    by_page: "გვერდი", "Page";
    came_back: "დაბრუნდა", "Back again";
    channel: "არხი", "Channel";
    chats: "ჩატი", "Chats";
    choose_role: "როლი", "Role";
    close: "დახურვა", "Close";
    code: "ერთჯერადი კოდი", "One-time code";
    cost: "თვითღირებულება", "Cost";
    courier: "კურიერი", "Courier";
    csv_file: "CSV ფაილი: sku, name, price, cost", "CSV file: sku, name, price, cost";
    csv_wrong: "ფაილის {}-ე სტრიქონი ვერ წავიკითხეთ: უნდა იყოს sku, name, price, cost. არაფერი შეცვლილა.", "Line {} of the file can't be read: it must be sku, name, price, cost. Nothing was changed.";
    customer: "მომხმარებელი {}", "Customer {}";
    deliveries: "გაგზავნები", "Deliveries";
    delivery_fee: "მიტანის ფასი ამ ჯამში", "Delivery fee within the total";
    done: "დასრულებული", "Done";
    empty_deliveries: "აქ არაფერია.", "There is nothing here.";
    empty_queue: "არავინ ელოდება. კარგი პასუხია.", "Nobody waits. A good answer.";
    empty_search: "ვერაფერი ვიპოვეთ. სცადეთ შეკვეთის ნომერი, ტელეფონი ან სახელი.", "Nothing was found. Try an order number, a phone number or a name.";
    end_person: "წვდომის გაუქმება", "End access";
    ended: "წავიდა", "Left";
    fault_banner: "{}: გაგზავნა შეჩერდა. {}", "{}: sending stopped. {}";
    fault_until: "პირველი მოვლენა ვეღარ გაიგზავნება {}-ის შემდეგ.", "The first event can't be sent any more after {}.";
    fee: "საკომისიო", "Fee";
    filter: "გაფილტვრა", "Filter";
    first_admin: "პირველი ადმინისტრატორი", "The first admin";
    first_admin_lead: "ჯერ არავის აქვს წვდომა. სერვისის ჟურნალში ერთჯერადი კოდი დაიწერა.", "Nobody has access yet. A one-time code was written to the service's log.";
    for_all_pages: "ყველა გვერდი", "All Pages";
    found: "ნაპოვნია: {}", "Found: {}";
    from_message: "შეტყობინებიდან: „{}“", "From the message: “{}”";
    go_live: "ჩართვა: მოვლენები Meta-სთან წავა", "Go live: events leave for Meta";
    goes_at: "Meta-სთან წავა {}", "Goes to Meta at {}";
    has_access: "აქვს წვდომა", "Has access";
    hold: "დაყოვნება", "Hold";
    hold_hours: "{} საათი", "{} h";
    hold_days: "{} დღე", "{} days";
    hold_minutes: "{} წუთი", "{} min";
    in_shadow: "{} ჩრდილშია: ყველაფერი ითვლება, მაგრამ არაფერი იგზავნება.", "{} is in shadow: everything is computed, nothing leaves.";
    invite: "მოწვევა", "Invite";
    invited: "მოწვეულია", "Invited";
    is_paused: "{} შეჩერებულია: ამ დროს არაფერი იგზავნება.", "{} is paused: nothing leaves for now.";
    key_enter: "გახსნა, შენახვა", "Open, save";
    key_help: "ეს ფანჯარა", "This window";
    key_move: "ქვემოთ, ზემოთ", "Down, up";
    key_number: "ნიშნის არჩევა", "Choose a tag";
    key_search: "ძებნა", "Search";
    key_snooze: "გადადება", "Snooze";
    key_undo: "უკან დაბრუნება", "Undo";
    keys: "კლავიშები", "Keys";
    label: "იარლიყი", "Label";
    labels: "იარლიყები Meta-ს ინბოქსში", "Labels in Meta's inbox";
    labels_hint: "რას ნიშნავს თითოეული იარლიყი. იარლიყს ინბოქსში ეს ბრძანება ქმნის: salesbridge labels", "What each label says. This command makes them in the inbox: salesbridge labels";
    labels_take_off: "წაკითხვის შემდეგ იარლიყი მოიხსნას, რომ შემდეგ შეკვეთასაც დაედოს", "Take the label off once it was heard, so that the next order can carry it";
    last_week: "ბოლო კვირაში ეს წავიდოდა: {}", "Over the last week this would have left: {}";
    link_for: "ერთჯერადი ბმული: {}", "One-time link for {}";
    link_hint: "გადაეცით ეს ბმული. ის ერთხელ იმუშავებს, 72 საათის განმავლობაში, და აქ აღარ გამოჩნდება.", "Hand this link over. It works once, within 72 hours, and is not shown again.";
    log_in: "შესვლა", "Log in";
    log_out: "გასვლა", "Log out";
    look: "ნახვა", "Look";
    mode: "რეჟიმი", "Mode";
    more: "შემდეგი", "More";
    more_fields: "კიდევ", "More fields";
    name: "სახელი", "Name";
    name_refused: "Meta ამ სახელს არ იღებს", "Meta does not take this name";
    nav: "მთავარი მენიუ", "Main menu";
    needs_nothing: "არაფერი", "Nothing";
    needs_person: "ადამიანს ელოდება", "Needs a person";
    new_order: "ახალი შეკვეთა", "Another order";
    same_order: "იგივე შეკვეთა: {}", "The same order: {}";
    perhaps_same: "შეიძლება ეს იგივე გაყიდვაა, რაც ქვემოთ წერია. Meta-სთან არაფერი წავა, სანამ არ აირჩევთ.", "Perhaps this is the same sale as one that is there already. Meta is told nothing of it until you choose.";
    joined_by_value: "ერთ გაყიდვად ითვლება მხოლოდ იმიტომ, რომ თანხა ერთია.", "Counted as one sale only because the amount is the same.";
    are_two_sales: "ეს ორი გაყიდვაა", "These are two sales";
    other_chat: "იმ ჩატის გახსნა", "Open that conversation";
    to_decide: "გადასაწყვეტია: ნათქვამი ერთმანეთს არ ემთხვევა", "To decide: what was said does not agree";
    told_twice: "Meta-მ ბოლო 7 დღის {} გაყიდვა ორჯერ მიიღო.", "Meta was told of {} sales of the last 7 days twice.";
    was_told_twice: "Meta-მ ეს გაყიდვა ორჯერ მიიღო: უკვე გაგზავნილი იყო, როცა გაირკვა, რომ ერთია.", "Meta was told of this sale twice: both had left when it turned out to be one.";
    which_sale: "რომელი გაყიდვაა?", "Which sale is it?";
    new_password: "ახალი პაროლი", "New password";
    no_text: "ტექსტი აღარ ინახება.", "No text is kept any more.";
    not_a_sale: "ეს გაყიდვა არ იყო", "Never was a sale";
    note: "შენიშვნა", "Note";
    notices: "შეტყობინებები", "Notices";
    now_stands: "ახლა ასეა: {}", "This is what now stands: {}";
    one_tap: "ერთი შეხებით", "One tap";
    open_inbox: "Meta-ს ინბოქსში გახსნა", "Open in Meta's inbox";
    open_inbox_of: "{}: გახსნა Meta-ს ინბოქსში", "{}: open in Meta's inbox";
    order: "შეკვეთა {}", "Order {}";
    order_number: "შეკვეთის ნომერი", "Order number";
    owner: "ვინ გააგრძელებს", "Who goes on";
    page: "გვერდი", "Page";
    pages: "გვერდები", "Pages";
    paid_of: "გადახდილია {}", "paid {}";
    pattern: "წინადადება", "Sentence";
    password: "პაროლი", "Password";
    password_hint: "სულ მცირე 10 ასო.", "At least 10 letters.";
    pause: "შეჩერება", "Pause";
    people: "ადამიანები", "People";
    policy: "სიგნალის წესი", "Signal policy";
    policy_lead_contact: "კონტაქტი (LeadSubmitted) იგზავნება, როცა მომხმარებელი ტელეფონს დაწერს.", "A lead (LeadSubmitted) is sent when the customer gives a phone number.";
    policy_lead_first: "კონტაქტი (LeadSubmitted) იგზავნება პირველივე შეტყობინებაზე.", "A lead (LeadSubmitted) is sent on the first message.";
    policy_lead_off: "კონტაქტები არ იგზავნება.", "No leads are sent.";
    policy_lead_qualified: "კონტაქტი (QualifiedLead) იგზავნება, როცა ოპერატორი მონიშნავს.", "A lead (QualifiedLead) is sent when an operator tags it as qualified.";
    policy_lifecycle_off: "შეკვეთის შემდგომი ცხოვრება არ იგზავნება.", "The later life of an order is not sent.";
    policy_lifecycle_on: "შეკვეთის შემდგომი ცხოვრებაც იგზავნება: გაგზავნა, ჩაბარება, გაუქმება, დაბრუნება.", "The later life of an order is sent too: shipped, delivered, cancelled, returned.";
    policy_purchase: "გაყიდვა (Purchase) იგზავნება, როცა შეკვეთა: {}. ადამიანს მის შესაჩერებლად აქვს {}.", "A sale (Purchase) is sent when the order is: {}. A person has {} to stop it.";
    policy_unknown_keep: "თუ Meta-ს პასუხი დაიკარგა, მოვლენა მეორედ არ იგზავნება.", "If Meta's answer is lost, the event is not sent again.";
    policy_unknown_resend: "თუ Meta-ს პასუხი დაიკარგა, მოვლენა კიდევ ერთხელ იგზავნება.", "If Meta's answer is lost, the event is sent once more.";
    policy_version: "წესის ვერსია {}", "Policy version {}";
    preview: "ნახვა შენახვამდე", "Preview before saving";
    preview_line: "ამ წესით ბოლო 30 დღეში წავიდოდა: {}", "Over the last 30 days this policy would have sent: {}";
    preview_now: "ახლანდელი წესით: {}", "Under the policy in force: {}";
    price: "ფასი", "Price";
    price_list: "ფასების სია", "Price list";
    prices_saved: "ფასების სია შენახულია: {}", "The price list is saved: {} lines";
    purchase_on: "როდის იგზავნება გაყიდვა", "When a sale is sent";
    leads: "კონტაქტები", "Leads";
    lifecycle: "შეკვეთის შემდგომი ცხოვრება", "The later life of an order";
    on_unknown: "როცა პასუხი დაიკარგა", "When an answer is lost";
    yes: "დიახ", "Yes";
    no: "არა", "No";
    queue: "რიგი", "Queue";
    reason: "მიზეზი", "Reason";
    reasons: "მიზეზები", "Reasons";
    reasons_hint: "თითო სტრიქონზე ერთი.", "One a line.";
    reset_link: "ახალი ბმული", "New link";
    resolve_resend: "არ მიუღია: გაიგზავნოს ისევ", "Meta did not take it: send again";
    resolve_sent: "Meta-მ მიიღო", "Meta took it";
    resolved_called_off: "გაუქმებულია ამასობაში და აღარ იგზავნება: {}", "called off since and not sent again: {}";
    resolved_resend: "ისევ იგზავნება: {}", "Sent again: {}";
    resolved_sent: "მიღებულად ჩაითვალა: {}", "Settled as taken: {}";
    resolved_too_old: "7 დღეზე ძველია და ვეღარ გაიგზავნება: {}", "older than 7 days and can't be sent any more: {}";
    resume: "გაგრძელება", "Resume";
    retry: "ისევ ცდა", "Try again";
    role_admin: "ადმინისტრატორი", "Admin";
    role_analyst: "ანალიტიკოსი", "Analyst";
    role_crm: "CRM", "CRM";
    role_operator: "ოპერატორი", "Operator";
    save: "შენახვა", "Save";
    saved: "შენახულია: {}", "Saved: {}";
    saved_page: "შენახულია.", "Saved.";
    search: "ძებნა", "Search";
    search_go: "ძებნა", "Search";
    search_hint: "ნომერი, ტელეფონი, სახელი", "Number, phone, name";
    send_now: "ახლავე გაგზავნა", "Send now";
    sent_today: "გაგზავნილია Meta-სთან", "Sent to Meta";
    sentence_end: "გამორთვა", "Switch off";
    sentence_on: "ჩართვა", "Switch on";
    sentence_try: "ცდა ბოლო 7 დღეზე", "Try on the last 7 days";
    sentences: "წინადადებები, რომლებიც თავად არის ნიშანი", "Sentences that are the tag";
    sentences_hint: "რასაც ოპერატორი ისედაც წერს. {value} თანხის ადგილია, {*} ნებისმიერი სიტყვების.", "What operators write anyway. {value} is the place of the amount, {*} of any words.";
    says: "რას ნიშნავს", "What it says";
    says_nothing: "არაფერს", "Nothing";
    set_password: "პაროლის დაყენება", "Set your password";
    settings: "{}: პარამეტრები", "{}: settings";
    sku: "SKU", "SKU";
    skip: "შინაარსზე გადასვლა", "Skip to content";
    snooze: "გადადება", "Snooze";
    snooze_hour: "1 საათით", "For 1 hour";
    snooze_three: "3 საათით", "For 3 hours";
    snooze_tomorrow: "ხვალ 10:00", "Tomorrow 10:00";
    snooze_week: "1 კვირით", "For a week";
    snoozed: "გადადებული", "Snoozed";
    snoozed_flash: "გადაიდო: {}", "Snoozed until {}";
    snoozed_until: "{}-მდე, {}", "Until {}, {}";
    state: "მდგომარეობა", "State";
    tag_this: "მონიშვნა", "Tag";
    tagged: "მონიშნული", "Tagged";
    test_banner: "{}: სატესტო კოდი {} ჩართულია{}. მოვლენები სატესტოა და რეკლამას არ ასწავლის.", "{}: the test code {} is set{}. Events are tests and teach the ads nothing.";
    test_code: "სატესტო კოდი", "Test event code";
    test_until: "მოქმედებს", "Valid until";
    test_until_banner: " {}-მდე", " until {}";
    thread: "მიმოწერა", "Messages";
    today: "დღეს", "Today";
    token: "Meta-ს ახალი ტოკენი", "A new token of Meta's";
    token_hint: "ნებისმიერი ტოკენი, თუნდაც იგივე, გაგზავნას განაახლებს. ის აღარსად გამოჩნდება.", "Any token, even the same one, lets sending go on. It is never shown.";
    conversion_state: "{}: {}", "{}: {}";
    trial: "რას მონიშნავდა", "What it would have tagged";
    trial_found: "წაკითხულია {} შეტყობინება, ნაპოვნია {}.", "{} messages were read, it was found in {}.";
    trial_pending: "{}: ადამიანს დაელოდებოდა, {}", "{}: it would wait for a person, {}";
    undo: "უკან", "Undo";
    undone: "უკან დაბრუნდა", "Taken back";
    untagged: "მოსანიშნი", "Untagged";
    until: "სხვა დრო", "Another time";
    value: "ჯამი", "Total";
    value_part: "ნაწილი, თუ ყველაფერი არ დაბრუნდა", "The part, if not everything came back";
    value_sum: "თანხა", "Sum";
    value_uplift: "დამატებული თანხა", "What was added";
    waiting: "ელოდება", "Waiting";
    pending: "თქვენს გადაწყვეტილებას ელოდება", "Waits for your decision";
    pending_decide_below: "შეკვეთაზე ახლა ამის თქმა არ შეიძლება. მონიშნეთ ქვემოთ ის, რაც მოხდა, ან დატოვეთ.", "This can't be said of the order as it stands. Tag below what happened, or leave it.";
    pending_leave: "დარჩეს, როგორც არის", "Leave it as it stands";
    pending_nothing: "ეს არაფერი იყო", "It was nothing";
    pending_said: "{}: {} · {}", "{}: {} · {}";
    pending_taken_off: "{} მოიხსნა: {} · {}", "{} was taken off: {} · {}";
    waybill: "ზედნადები", "Waybill";
    what_to_do: "რა ვქნათ: {}", "What to do: {}";
    which_order: "რომელი შეკვეთა?", "Which order?";
    words_wrong_page: "აქ არაფერია", "There is nothing here";
    unknown_alarm: "ბოლო დღის მოვლენების {} %-ზე Meta-ს პასუხი დაიკარგა. 1 %-ზე მეტი განგაშია.", "Meta's answer was lost for {} % of the last day's events. More than 1 % is an alarm.";
    you: "გვერდი:", "Page:";
    h: "სთ", "h";
    min: "წთ", "min";
    d: "დღე", "d";
    months: "იან თებ მარ აპრ მაი ივნ ივლ აგვ სექ ოქტ ნოე დეკ", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
}

/// The words of a language.
pub const fn of(language: Language) -> &'static Texts {
    match language {
        Language::Georgian => &GEORGIAN,
        Language::English => &ENGLISH,
    }
}

/// The language of words.
pub fn language_of(words: &Texts) -> Language {
    if words.h == ENGLISH.h { Language::English } else { Language::Georgian }
}

/// `text` with what is filled in for each `{}`, in order.
pub fn fill(text: &str, parts: &[&str]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut pieces = text.split("{}");
    filled.push_str(pieces.next().unwrap_or_default());
    for (index, piece) in pieces.enumerate() {
        filled.push_str(parts.get(index).copied().unwrap_or_default());
        filled.push_str(piece);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_georgian(letter: char) -> bool {
        ('\u{10d0}'..='\u{10ff}').contains(&letter)
    }

    /// Words that are the same everywhere.
    const SAME: [&str; 4] = ["role_crm", "sku", "conversion_state", "pending_said"];

    #[test]
    fn both_languages_say_everything() {
        for (key, georgian, english) in ALL {
            assert!(
                SAME.contains(key) || georgian.chars().any(is_georgian),
                "{key} is not Georgian: {georgian}"
            );
            assert!(!english.chars().any(is_georgian), "{key} is not English: {english}");
            let gaps = |text: &str| text.matches("{}").count();
            assert_eq!(gaps(georgian), gaps(english), "{key} fills in another number of things");
            assert!(!english.is_empty() && !georgian.is_empty(), "{key} is empty");
        }
        assert_eq!((GEORGIAN.months.split(' ').count(), ENGLISH.months.split(' ').count()), (12, 12));
    }

    /// Text between tags that is no word: names that are the same everywhere, marks, key caps.
    const BARE: [&str; 6] = ["· salesbridge", "ქართული", "English", "Enter", "↗", "←"];

    #[test]
    fn no_template_holds_bare_words() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/console");
        let mut folders = vec![folder];
        let mut templates = 0;
        while let Some(folder) = folders.pop() {
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "html") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    assert_eq!(words_outside(&text), [""; 0], "{} holds bare words", path.display());
                    templates += 1;
                }
            }
        }
        assert!(templates >= 9, "only {templates} templates were read");
    }

    /// What stands between tags and in attributes that are read aloud, less expressions.
    fn words_outside(template: &str) -> Vec<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
            text.push_str(&rest[..at]);
            let end = if rest[at..].starts_with("{%") { "%}" } else { "}}" };
            rest = rest[at..].split_once(end).unwrap().1;
        }
        text.push_str(rest);
        let spoken: Vec<&str> = ["aria-label=\"", "placeholder=\"", "title=\"", "alt=\""]
            .iter()
            .flat_map(|name| text.split(name).skip(1).filter_map(|after| after.split('"').next()))
            .collect();
        let between =
            text.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, words)| words.trim());
        let key_cap = |words: &str| words.chars().count() == 1;
        spoken
            .into_iter()
            .chain(between)
            .filter(|words| {
                words.chars().any(char::is_alphabetic) && !key_cap(words) && !BARE.contains(words)
            })
            .map(str::to_owned)
            .collect()
    }
}
