//! Log lines in hclog's JSON format, for the host.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A [`tracing_subscriber`] layer that writes each event as one line of hclog's JSON, which the host copies into its log.
///
/// ```
/// use openbao_plugin::HclogLayer;
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let layer = HclogLayer::new(std::io::stderr());
/// let subscriber = tracing_subscriber::registry().with(layer).with(LevelFilter::INFO);
/// tracing::subscriber::with_default(subscriber, || tracing::info!(role = "ci", "created"));
/// ```
///
/// A line has the event's fields, and not those of its spans. Failed writes are ignored: they mean that the host is gone,
/// which shuts the process down.
pub struct HclogLayer<W> {
    output: Mutex<W>,
}

impl<W: Write> HclogLayer<W> {
    /// Writes to `output`, usually the standard error.
    pub fn new(output: W) -> Self {
        Self { output: Mutex::new(output) }
    }
}

impl<S: Subscriber, W: Write + Send + 'static> Layer<S> for HclogLayer<W> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        line.put("@level", level(*event.metadata().level()));
        line.put("@module", event.metadata().target());
        line.put("@timestamp", timestamp());
        // The host treats a line without a message as plain text.
        line.0.entry("@message").or_insert_with(|| Value::from(""));
        let mut text = Value::Object(line.0).to_string();
        text.push('\n');
        let _ = self.output.lock().write_all(text.as_bytes());
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The time in hclog's format, with six fractional digits.
#[expect(clippy::disallowed_methods, reason = "a log line carries the time at which it is written")]
fn timestamp() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[derive(Default)]
struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let name = if name == "message" { "@message" } else { name };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn an_event_is_one_line_of_hclog_json() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(HclogLayer::new(lines.clone()));
        tracing::subscriber::with_default(subscriber, || tracing::warn!(count = 3, "two\nlines {}", "quoted \"text\""));
        let written = String::from_utf8(lines.0.lock().clone()).unwrap();
        assert_eq!(written.lines().count(), 1);
        let line: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(line["@message"], "two\nlines quoted \"text\"");
        assert_eq!(line["@level"], "warn");
        assert_eq!(line["count"], 3);
        let time = line["@timestamp"].as_str().unwrap();
        assert_eq!(time.len(), "2006-01-02T15:04:05.000000Z".len(), "{time}");
    }

    #[test]
    fn a_failed_write_is_ignored() {
        let subscriber = tracing_subscriber::registry().with(HclogLayer::new(Closed));
        tracing::subscriber::with_default(subscriber, || tracing::error!("the host is gone"));
    }
}
