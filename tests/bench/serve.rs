//! What a call through `serve` costs: `make bench`. The same client calls the same upstream through `serve` and through a
//! plain forward proxy of a few lines, one after the other on the same machine.

#![expect(clippy::disallowed_macros, reason = "a program of its own, for a terminal")]

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;

/// The release binary, whatever profile this program itself was built with.
const CLI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/genesys-rotator");
const CALLERS: usize = 16;
const TIME: Duration = Duration::from_secs(5);
/// At least this many calls a second, or this part of what the plain proxy passes, whichever is less.
const CALLS_PER_SECOND: f64 = 5_000.0;
const SHARE: f64 = 0.8;
const ADDED_LATENCY: Duration = Duration::from_micros(300);
const LARGEST_MEMORY_MB: f64 = 15.0;

/// What was measured of one way.
struct Measured {
    per_second: f64,
    /// The median of single calls, one after the other.
    median: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let upstream = upstream().await;
    let plain = plain_proxy(upstream.clone()).await;
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let (mut serve, url, client) = serve(&upstream, &folder);
    let direct = measure(&upstream, &client).await;
    let through_plain = measure(&plain, &client).await;
    let through_serve = measure(&url, &client).await;
    let memory = peak_memory(&serve);
    serve.kill().expect("it runs");
    serve.wait().expect("it ends");
    println!("way           calls/s    median");
    for (name, measured) in [("direct", &direct), ("plain proxy", &through_plain), ("serve", &through_serve)] {
        println!("{name:<12}  {:>7.0}  {:>6} us", measured.per_second, measured.median.as_micros());
    }
    let needed = CALLS_PER_SECOND.min(SHARE * through_plain.per_second);
    let added = through_serve.median.saturating_sub(direct.median);
    let rows = [
        (through_serve.per_second >= needed, format!("{:.0} calls/s, at least {needed:.0}", through_serve.per_second)),
        (
            added <= ADDED_LATENCY,
            format!("{} us added at the median, at most {}", added.as_micros(), ADDED_LATENCY.as_micros()),
        ),
        (memory <= LARGEST_MEMORY_MB, format!("{memory:.1} MB, at most {LARGEST_MEMORY_MB}")),
    ];
    for (ok, text) in &rows {
        println!("{}: {text}", if *ok { "ok" } else { "MISSED" });
    }
    if rows.iter().all(|(ok, _)| *ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A server that answers every request with a small document. Returns its address.
async fn upstream() -> String {
    listen(|request: Request<Incoming>| async move {
        // A request body would have to be read.
        drop(request);
        Response::new(Full::new(Bytes::from_static(
            b"{\"id\":\"5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10\",\"entities\":[]}",
        )))
    })
    .await
}

/// A proxy that passes requests on, and does nothing else. Returns its address.
async fn plain_proxy(upstream: String) -> String {
    let client = Client::builder().no_proxy().http1_only().build().expect("a client");
    listen(move |request: Request<Incoming>| {
        let (client, url) = (client.clone(), format!("{upstream}{}", request.uri().path()));
        async move {
            let answer = client.request(request.method().clone(), url).send().await.expect("an answer");
            let body = answer.bytes().await.expect("a body");
            Response::new(Full::new(body))
        }
    })
    .await
}

async fn listen<A, F>(answer: A) -> String
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answered = answer(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

/// Starts `serve` for a file. Returns its address and credentials.
fn serve(upstream: &str, folder: &tempfile::TempDir) -> (Child, String, (String, String)) {
    use std::os::unix::fs::PermissionsExt;
    let (secret, credentials) = (folder.path().join("token.json"), folder.path().join("serve.json"));
    let document = r#"{"region":"mypurecloud.ie","client_id":"c","client_secret":"s","access_token":"token","token_type":"bearer","expires_at":"2099-01-01T00:00:00Z"}"#;
    fs::write(&secret, document).expect("the secret is written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    let mut command = Command::new(CLI);
    command
        .args(["serve", "--output", "json", &format!("file:{}", secret.display()), "--credentials"])
        .arg(&credentials);
    command.env_clear().env("ROTATOR_LOGIN_URL", upstream).env("ROTATOR_API_URL", upstream);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the command line runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("UTF-8");
    let started: Value = serde_json::from_str(&line).expect("JSON");
    let client: Value = serde_json::from_str(&fs::read_to_string(&credentials).expect("a file")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (child, text(&started["url"]), (text(&client["client_id"]), text(&client["client_secret"])))
}

async fn measure(url: &str, (id, secret): &(String, String)) -> Measured {
    let client = Client::builder().no_proxy().http1_only().build().expect("a client");
    let url = format!("{url}/api/v2/routing/queues");
    let call = async || {
        let answer = client.get(&url).basic_auth(id, Some(secret)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a body");
    };
    for _ in 0..100 {
        call().await;
    }
    let mut single = Vec::new();
    for _ in 0..1_000 {
        let began = Instant::now();
        call().await;
        single.push(began.elapsed());
    }
    single.sort();
    let end = Instant::now() + TIME;
    let worker = |_| async {
        let mut calls = 0_u64;
        while Instant::now() < end {
            call().await;
            calls += 1;
        }
        calls
    };
    let calls: u64 = futures_util::future::join_all((0..CALLERS).map(worker)).await.into_iter().sum();
    Measured { per_second: calls as f64 / TIME.as_secs_f64(), median: single[single.len() / 2] }
}

/// The peak resident size in megabytes (proc(5), `VmHWM`).
fn peak_memory(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0 / 1e6
}
