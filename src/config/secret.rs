//! A string that cannot be printed.

use secrecy::{ExposeSecret, SecretString};

/// A key. `Debug` shows that there is one, never which.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a key; white space around it is dropped, as files and pasted values carry newlines.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text.trim()))
    }

    /// The key itself, for a request header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new(" 0123456789abcdef\n");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "0123456789abcdef");
    }
}
