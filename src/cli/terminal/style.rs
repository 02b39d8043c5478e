//! Colours and marks, if the stream can show them.

/// A colour of the terminal's palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Yellow,
    Green,
    Faint,
    Bold,
}

/// The capabilities of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours.
    pub colour: bool,
    /// Whether to use characters beyond ASCII.
    pub unicode: bool,
}

impl Style {
    /// Reads the capabilities from the environment.
    ///
    /// `NO_COLOR` (no-color.org) and `TERM=dumb` disable colours; the locale names the encoding.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>, is_terminal: bool) -> Self {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let colour = is_terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self { colour, unicode: locale.contains("utf-8") || locale.contains("utf8") }
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Green => 32,
            Colour::Faint => 2,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The mark of a success or a failure.
    pub(crate) fn mark(self, succeeded: bool) -> String {
        let (colour, mark, plain) =
            if succeeded { (Colour::Green, "✓", "ok  ") } else { (Colour::Red, "✗", "FAIL") };
        self.paint(colour, if self.unicode { mark } else { plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(variables: &[(&str, &str)]) -> Style {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Style::from_lookup(lookup, true)
    }

    #[test]
    fn the_environment_selects_colours_and_unicode() {
        assert_eq!(style(&[("LANG", "en_IE.UTF-8")]), Style { colour: true, unicode: true });
        assert_eq!(style(&[("LANG", "C.utf8"), ("NO_COLOR", "1")]), Style { colour: false, unicode: true });
        assert_eq!(style(&[("LANG", "C.utf8"), ("NO_COLOR", "")]), Style { colour: true, unicode: true });
        assert_eq!(style(&[("LC_ALL", "C"), ("LANG", "C.utf8")]), Style { colour: true, unicode: false });
        assert_eq!(style(&[("TERM", "dumb")]), Style { colour: false, unicode: false });
    }

    #[test]
    fn marks_have_an_ascii_form() {
        let plain = Style::default();
        assert_eq!((plain.mark(true), plain.mark(false)), ("ok  ".to_owned(), "FAIL".to_owned()));
        let full = Style { colour: true, unicode: true };
        assert_eq!(full.mark(true), "\x1b[32m✓\x1b[0m");
    }
}
