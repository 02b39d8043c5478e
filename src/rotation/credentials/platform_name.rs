//! The platforms that documents can name.

use crate::rotation::error::{ErrorKind, Result, RotationError};

/// A platform, by the name that a document gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformName {
    /// Genesys Cloud, which a document need not name.
    GenesysCloud,
    /// NICE CXone.
    Cxone,
}

impl PlatformName {
    /// Every platform.
    pub const ALL: [Self; 2] = [Self::GenesysCloud, Self::Cxone];

    /// Finds a platform by its name.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`] for any other.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == text).ok_or_else(|| {
            let message = format!("the platform {} is not known", shown(text));
            RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint(r#"use "platform": "genesys-cloud" or "nice-cxone"; without the field it is genesys-cloud"#)
        })
    }

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenesysCloud => "genesys-cloud",
            Self::Cxone => "nice-cxone",
        }
    }
}

/// A field of the document for a message. Somebody may have put a secret into the wrong field,
/// so only what looks like a name or a URL is shown.
pub fn shown(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".:/-".contains(letter);
    let one_case = text.to_ascii_lowercase() == text || text.to_ascii_uppercase() == text;
    if text.len() <= 40 && one_case && text.chars().all(plain) {
        return format!("{text:?}");
    }
    "in the document (not shown here: it does not look like a name)".to_owned()
}
