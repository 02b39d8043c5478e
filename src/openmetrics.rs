//! Metrics as text of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use std::fmt::Write;

/// The last line of a text.
pub(crate) const END: &str = "# EOF\n";

/// A label of a sample, with its value escaped.
#[cfg(feature = "cli")]
pub(crate) fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    format!(r#"{name}="{value}""#)
}

/// Writes a family with its samples. A counter's samples end in `_total`.
pub(crate) fn family(
    text: &mut String,
    (name, kind): (&str, &str),
    help: &str,
    samples: impl IntoIterator<Item = (String, impl std::fmt::Display)>,
) {
    let suffix = if kind == "counter" { "_total" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# TYPE {name} {kind}");
    if name.ends_with("_seconds") {
        let _ = writeln!(text, "# UNIT {name} seconds");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{suffix}{labels} {value}");
    }
}
