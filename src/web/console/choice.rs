//! Something to choose in a form: an option of a list, or one of several buttons.

/// An option with its value and its text.
#[derive(Debug)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What a person reads.
    pub name: String,
    /// Whether it is the one selected.
    pub chosen: bool,
}

impl Choice {
    /// An option, `chosen` or not.
    pub fn new(value: impl Into<String>, name: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.into(), name: name.into(), chosen }
    }

    /// A button, or an option that is not selected.
    pub fn button(value: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(value, name, false)
    }
}
