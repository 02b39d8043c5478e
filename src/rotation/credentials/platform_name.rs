//! The names of the platforms in documents.

use strum::{EnumString, IntoStaticStr};

use crate::rotation::error::{ErrorKind, Result, RotationError};

/// A platform, by its name in documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum PlatformName {
    /// Genesys Cloud, the default.
    #[strum(serialize = "genesys-cloud")]
    GenesysCloud,
    /// NICE CXone.
    #[strum(serialize = "nice-cxone")]
    Cxone,
}

impl PlatformName {
    /// Finds a platform by its name.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] for an unknown name.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse().map_err(|_| {
            let message = format!("unknown platform {}", shown(text));
            RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint(r#"set "platform" to "genesys-cloud" (default) or "nice-cxone""#)
        })
    }

    /// The name in documents.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Returns a document field's text for a message. The field may hold a misplaced secret, so only text that looks like a
/// name or a URL is shown.
pub fn shown(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".:/-".contains(letter);
    let one_case = text.to_ascii_lowercase() == text || text.to_ascii_uppercase() == text;
    if text.len() <= 40 && one_case && text.chars().all(plain) {
        return format!("{text:?}");
    }
    "in the document (hidden: it does not look like a name)".to_owned()
}
