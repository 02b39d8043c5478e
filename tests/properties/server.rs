//! An HTTP server that answers as a test says.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The bytes of one answer. [`ECHO`] in them stands for the request, escaped as in a JSON string.
#[derive(Clone)]
pub struct Answer(pub Vec<u8>);

/// Stands for the request in an [`Answer`].
pub const ECHO: &str = "<the request>";

pub struct Server {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

/// Returns the answer to a method, a path with its query, and a body.
type Answers = Box<dyn FnMut(&str, &str, &str) -> Answer + Send>;

#[derive(Default)]
struct State {
    answers: Option<Answers>,
    /// The path and query of each request.
    requested: Vec<String>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// Answers from now on with these answers in turn.
    pub fn answer(&self, answers: Vec<Answer>) {
        let mut turns = answers.into_iter().cycle();
        self.answer_with(move |_, _, _| turns.next().unwrap_or(Answer(Vec::new())));
    }

    /// Answers from now on with what `answers` returns for a method, a path with its query, and a body.
    pub fn answer_with(&self, answers: impl FnMut(&str, &str, &str) -> Answer + Send + 'static) {
        *self.state.lock().expect("no panic") = State { answers: Some(Box::new(answers)), requested: Vec::new() };
    }

    /// The paths requested since then.
    pub fn requested(&self) -> Vec<String> {
        self.state.lock().expect("no panic").requested.clone()
    }
}

/// Serves one request, and closes the connection.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let answer = {
        let mut state = state.lock().expect("no panic");
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        state.requested.push(path.to_owned());
        let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        state.answers.as_mut()?(method, path, body).0
    };
    let answer = match std::str::from_utf8(&answer) {
        Ok(text) if text.contains(ECHO) => {
            text.replace(ECHO, serde_json::Value::from(request).to_string().trim_matches('"')).into_bytes()
        }
        _ => answer,
    };
    stream.write_all(&answer).await.ok()?;
    stream.shutdown().await.ok()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A whole answer. Its body ends with the connection.
pub fn answer(status: u16, headers: &[(String, String)], body: &[u8]) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut answer = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    answer.extend_from_slice(body);
    Answer(answer)
}
