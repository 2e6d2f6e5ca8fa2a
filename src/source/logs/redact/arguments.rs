//! Lists in JSON whose items are arguments of a command, or names and values by turns.

use serde_json::Value;

use super::{Credentials, MARK, blank, credentials};

/// A longer text is no name, in bytes.
pub(super) const LONGEST_NAME: usize = 200;

impl Credentials {
    /// Takes out what stands after its name or its flag. Whether there was any.
    pub(super) fn list(&self, items: &mut [Value]) -> bool {
        let mut changed = self.command(items);
        // `["password", "email", "age"]` are the names of columns.
        let by_turns = items.len().is_multiple_of(2);
        for at in 1..items.len() {
            let (before, from) = items.split_at_mut(at);
            let (Some(Value::String(name)), value) = (before.last(), &mut from[0]) else { continue };
            let is_its_value = match (name.starts_with('-'), &*value) {
                (true, Value::String(text)) => !text.starts_with('-'),
                (true, value) => value.is_number(),
                (false, value) => by_turns && at % 2 == 1 && value.is_string(),
            };
            changed |= is_its_value && self.is_secret_of(name, value) && blank(value);
        }
        changed
    }

    /// What is a secret because of the command that it is given to, as in a line of a shell.
    fn command(&self, items: &mut [Value]) -> bool {
        let is_flag = |item: &Value| item.as_str().is_some_and(|text| text.starts_with('-'));
        // What is no text is nobody's value here, and no name.
        let texts = || items.iter().map(|item| item.as_str().unwrap_or("-"));
        if !items.iter().any(is_flag) || texts().all(|text| self.awake(text) == 0) {
            return false;
        }
        let mut line = String::new();
        let mut starts = Vec::with_capacity(items.len());
        for text in texts() {
            starts.push(line.len());
            line.push_str(text);
            line.push(' ');
        }
        let mut ranges = Vec::new();
        self.find(&line, &mut ranges);
        let mut changed = false;
        for range in ranges {
            let at = starts.partition_point(|start| *start <= range.start).saturating_sub(1);
            let Some(Value::String(text)) = items.get_mut(at) else { continue };
            let mut alone = Vec::new();
            self.find(text, &mut alone);
            if let Some(kept) = text.get(..range.start - starts[at])
                && alone.is_empty()
            {
                let clean = format!("{kept}{MARK}");
                changed |= clean != *text;
                *text = clean;
            }
        }
        changed
    }
}

/// Takes the credentials out of a list of tokens, which may be those of a model.
pub(super) fn blank_opaque(value: &mut Value) -> bool {
    let Value::Array(items) = value else { return false };
    items.iter_mut().fold(false, |changed, item| {
        let opaque = item.as_str().is_some_and(credentials::is_opaque);
        (opaque && blank(item)) | blank_opaque(item) | changed
    })
}
