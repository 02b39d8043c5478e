//! The clients of docs/readers read a rotated secret again in time, and only then.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::json;
use simulators::faults::{Effect, Fault, FaultAnswer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{BINARY, Scene};

const NAME: &str = "prod/genesys";
/// The AWS access key of the readers, which tells their calls from those of rotations.
const READER: &str = "AKIDREADER";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[expect(clippy::disallowed_methods, reason = "the interpreters and compilers of `make test`")]
fn program(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|path| Path::new(path).exists())
}

/// Copies the client and its calls into one directory, and compiles them.
fn compiled(scene: &Scene, compiler: &mut Command, files: [&str; 2]) {
    for file in files {
        let source = [repository("docs/readers"), repository("tests/readers")].map(|folder| folder.join(file));
        let source = source.iter().find(|source| source.exists()).expect("the file exists");
        std::fs::copy(source, scene.directory.path().join(file)).expect("it is copied");
    }
    let done = compiler.args(files).current_dir(&scene.directory).output().expect("the compiler runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The command of a language; `None` where its interpreter or compiler is not installed.
fn command(language: &str, scene: &Scene) -> Option<Command> {
    let script = |program: String, name: &str| {
        let mut command = Command::new(program);
        command.arg(repository("tests/readers").join(name));
        command
    };
    Some(match language {
        "python" => script(program("PYTHON")?, "calls.py"),
        "caching library" => script(program("PYTHON")?, "caching.py"),
        "javascript" => script(program("NODE")?, "calls.js"),
        "bash" => script("bash".to_owned(), "calls.sh"),
        "go" => {
            let mut compiler = Command::new(program("GO")?);
            compiled(scene, compiler.args(["build", "-o", "calls"]), ["rotated_token.go", "calls.go"]);
            Command::new(scene.directory.path().join("calls"))
        }
        _ => {
            let mut compiler = Command::new("javac");
            let version = Command::new("javac").args(["--release", "17", "-version"]).output();
            program("PYTHON").filter(|_| version.is_ok_and(|done| done.status.success()))?;
            compiled(scene, compiler.args(["-d", "."]), ["RotatedToken.java", "Calls.java"]);
            let mut command = Command::new("java");
            command.arg("-cp").arg(scene.directory.path()).arg("Calls");
            command
        }
    })
}

/// A running reader, which makes ten calls for each line.
struct Reader {
    child: Child,
    input: ChildStdin,
    output: Option<Lines<BufReader<ChildStdout>>>,
}

impl Reader {
    /// `None` where the language is not installed.
    fn start(language: &str, scene: &Scene) -> Option<Self> {
        let mut command = command(language, scene)?;
        // The AWS command line is beside the tests' Python.
        let folders = [program("PYTHON").unwrap_or_default(), BINARY.to_owned()];
        let folders = folders.each_ref().map(|program| Path::new(program).parent().map(Path::display));
        let path: String = folders.into_iter().flatten().map(|folder| format!("{folder}:")).collect();
        let path = format!("{path}/usr/bin:/bin");
        let (api, secrets_manager) = (scene.simulation.genesys_url(), scene.simulation.secrets_manager_url());
        let (host, port) = api.strip_prefix("http://").and_then(|address| address.split_once(':')).expect("an address");
        command.env_clear().envs([("PATH", path.as_str()), ("HOME", "/nonexistent"), ("SECRET", NAME)]);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("READERS", repository("docs/readers")).env("NODE_PATH", program("NODE_PATH").unwrap_or_default());
        command.envs([
            ("GATEWAY_HOST", host),
            ("GATEWAY_PORT", port),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets_manager),
        ]);
        command.envs([("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", READER)]);
        command.env("AWS_SECRET_ACCESS_KEY", "hush-hush-access-key");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the reader starts");
        let input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().map(|output| BufReader::new(output).lines());
        Some(Self { child, input, output })
    }

    /// Makes ten calls, and returns the number of those that failed.
    async fn calls(&mut self, line: &str) -> usize {
        self.answer(line).await.trim().parse().expect("a number")
    }

    async fn answer(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the reader runs");
        let mut output = self.output.take().expect("it is piped");
        let (line, output) = tokio::task::spawn_blocking(move || (output.next(), output)).await.expect("a line");
        self.output = Some(output);
        line.expect("a line").expect("UTF-8")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reads(scene: &Scene) -> usize {
    let accesses = scene.simulation.secrets_manager.accesses().into_iter();
    accesses.filter(|access| access.access_key == READER && access.action == "GetSecretValue").count()
}

/// The number of answers with 401 since the journal was cleared.
fn rejected(scene: &Scene) -> usize {
    let calls = scene.simulation.journal.calls().into_iter();
    calls.filter(|call| call.status == Some(StatusCode::UNAUTHORIZED)).count()
}

async fn rotate(scene: &Scene, options: &[&str]) {
    let done = scene.run(&[&["rotate", "--yes"][..], options, &[NAME]].concat()).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
}

async fn store(scene: &Scene, document: &str) {
    scene.aws.put_secret_value().secret_id(NAME).secret_string(document).send().await.expect("the secret is changed");
}

async fn revoke(scene: &Scene, token: &str) {
    let url = format!("{}/api/v2/tokens/me", scene.simulation.genesys_url());
    reqwest::Client::new().delete(url).bearer_auth(token).send().await.expect("the token is revoked");
}

/// Stores the same token with an expiry in half a minute, and returns the token.
async fn let_it_expire_soon(scene: &Scene) -> String {
    let mut document = scene.current(NAME);
    let issued: jiff::Timestamp = document["issued_at"].as_str().and_then(|time| time.parse().ok()).expect("a time");
    let soon = issued + super::SECOND * 30;
    document["expires_at"] = soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    store(scene, &document.to_string()).await;
    document["access_token"].as_str().expect("a token").to_owned()
}

/// The reader takes the next token while the previous one still works.
async fn reads_before_the_expiry(scene: &Scene, reader: &mut Reader, former: &str) {
    rotate(scene, &[]).await;
    let before = reads(scene);
    while reads(scene) == before {
        assert_eq!(reader.calls("in a row").await, 0);
        tokio::time::sleep(super::SECOND / 5).await;
    }
    revoke(scene, former).await;
    scene.simulation.journal.clear();
    assert_eq!((reader.calls("in a row").await, rejected(scene)), (0, 0));
    assert_eq!(reads(scene), before + 1);
}

/// No call of a reader fails over rotations that revoke its token, and it reads the secret once for each of them. The function
/// for bash keeps no token, and reads the secret for each call.
async fn survives_rotations(language: &str) {
    let (scene, keeps) = (Scene::new().await, language != "bash");
    scene.rotating(NAME).await;
    if keeps {
        let_it_expire_soon(&scene).await;
    }
    let Some(mut reader) = Reader::start(language, &scene) else { return };
    assert_eq!(reader.calls("in a row").await, 0);
    if keeps {
        // The reader has just found no other token, and is not to wait before it reads the one that replaces a revoked token.
        rotate(&scene, &["--revoke-previous"]).await;
        let former = let_it_expire_soon(&scene).await;
        assert_eq!(reader.calls("in a row").await, 0, "a token is revoked shortly before it expires");
        reads_before_the_expiry(&scene, &mut reader, &former).await;
    }
    for line in ["in a row", "together"] {
        rotate(&scene, &["--revoke-previous"]).await;
        let before = reads(&scene);
        assert_eq!(reader.calls(line).await, 0, "{line}");
        assert_eq!(reads(&scene) - before, if keeps { 1 } else { 10 }, "{line}");
        assert_eq!(reader.calls(line).await, 0, "{line}");
        assert_eq!(reads(&scene) - before, if keeps { 1 } else { 20 }, "{line}");
    }

    // A rejection that lasts ends each call, no call is repeated with the same token, and the reader recovers.
    scene.simulation.genesys.revoke_all();
    scene.simulation.journal.clear();
    let before = reads(&scene);
    assert_eq!((reader.calls("in a row").await, rejected(&scene)), (10, 10));
    assert!(reads(&scene) - before <= if keeps { 10 } else { 20 });
    rotate(&scene, &[]).await;
    while reader.calls("in a row").await > 0 {
        tokio::time::sleep(super::SECOND / 5).await;
    }
}

/// A store that does not answer delays a reader whose token is about to expire, and fails no call.
async fn outlasts_a_silent_store(language: &str) {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let_it_expire_soon(&scene).await;
    let Some(mut reader) = Reader::start(language, &scene) else { return };
    assert_eq!(reader.calls("in a row").await, 0);
    scene.simulation.faults.add(Fault::always("GetSecretValue", Effect::Hang));
    scene.simulation.journal.clear();
    while scene.simulation.journal.count("GetSecretValue") == 0 {
        assert_eq!(reader.calls("together").await, 0);
        tokio::time::sleep(super::SECOND / 5).await;
    }
    assert!(scene.simulation.journal.count("GetSecretValue") <= 2, "calls wait for each attempt");
}

/// The read after a 401 returns the previous version once more. The next one follows soon.
async fn recovers_from_a_stale_read(language: &str) {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let former = scene.current(NAME);
    rotate(&scene, &[]).await;
    let rotated = scene.current(NAME);
    store(&scene, &former.to_string()).await;
    let Some(mut reader) = Reader::start(language, &scene) else { return };
    assert_eq!(reader.calls("in a row").await, 0);
    scene.simulation.secrets_manager.set(|settings| settings.stale_reads = 1);
    store(&scene, &rotated.to_string()).await;
    revoke(&scene, former["access_token"].as_str().expect("a token")).await;
    let (before, mut rounds) = (reads(&scene), 0);
    while reader.calls("in a row").await > 0 {
        rounds += 1;
        tokio::time::sleep(super::SECOND / 10).await;
    }
    assert_eq!(reads(&scene) - before, 2);
    assert!(rounds <= 6, "{rounds} rounds, each at least 0.1 s, while the first pause is 0.5 s");
}

/// A host that redirects its first request to itself, and keeps the text of all requests.
async fn other_host() -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, received) = (listener.local_addr().expect("an address"), Arc::new(Mutex::new(String::new())));
    let texts = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|count| count > 0) {}
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let status = if text.contains("/first") { "307 Temporary Redirect\r\nLocation: /second" } else { "200 OK" };
            texts.lock().push_str(&text);
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close");
            let _ = stream.write_all(format!("{head}\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes()).await;
        }
    });
    (address, received)
}

/// A redirect to another host does not send the token there. The Java client and the function for bash follow no redirect.
async fn keeps_its_token_from_other_hosts(language: &str) {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let Some(mut reader) = Reader::start(language, &scene) else { return };
    let (address, received) = other_host().await;
    let redirect = FaultAnswer::new(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    let redirect = redirect.with_header("location", &format!("http://{address}/first"));
    scene.simulation.faults.add(Fault::always("GET /api/v2/tokens/me", Effect::Answer(redirect)));
    reader.calls("in a row").await;
    let received = received.lock().clone();
    assert_eq!(received.contains("get /second"), !["java", "bash"].contains(&language), "{received}");
    assert!(!received.contains("bearer"), "{received}");
}

/// An expiry that cannot be read is unknown, and a document without a token fails no call of a reader that has one.
async fn outlasts_odd_documents(language: &str) {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let original = scene.current(NAME);
    for expires_at in [json!(5), json!("soon")] {
        let mut document = original.clone();
        document["expires_at"] = expires_at.clone();
        store(&scene, &document.to_string()).await;
        let Some(mut reader) = Reader::start(language, &scene) else { return };
        let before = reads(&scene);
        assert_eq!(reader.calls("in a row").await, 0, "{expires_at}");
        assert_eq!(reads(&scene), before + 1, "{expires_at}");
    }
    store(&scene, &original.to_string()).await;
    let_it_expire_soon(&scene).await;
    let Some(mut reader) = Reader::start(language, &scene) else { return };
    assert_eq!(reader.calls("in a row").await, 0);
    for document in ["[]", "{", r#"{"access_token": 5}"#, r#"{"access_token": ""}"#] {
        store(&scene, document).await;
        let before = reads(&scene);
        while reads(&scene) == before {
            assert_eq!(reader.calls("together").await, 0, "{document}");
            // The platform allows 300 requests per minute and token.
            tokio::time::sleep(super::SECOND / 2).await;
        }
        assert_eq!(reader.calls("in a row").await, 0, "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_reads_the_secret_on_the_hint_of_an_event() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let token = || scene.current(NAME)["access_token"].as_str().expect("a token").to_owned();
    let Some(mut reader) = Reader::start("python", &scene) else { return };
    assert_eq!(reader.calls("in a row").await, 0);
    let former = token();
    rotate(&scene, &[]).await;
    assert_eq!(reader.answer("hint").await, token());
    revoke(&scene, &former).await;
    scene.simulation.journal.clear();
    assert_eq!((reader.calls("in a row").await, rejected(&scene)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caching_library_keeps_a_revoked_token_until_it_is_refreshed() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let token = || scene.current(NAME)["access_token"].as_str().expect("a token").to_owned();
    let Some(mut reader) = Reader::start("caching library", &scene) else { return };
    let first = token();
    assert_eq!(reader.answer("read").await, first);
    rotate(&scene, &["--revoke-previous"]).await;
    assert!(!scene.is_alive(&first));
    assert_eq!(reader.answer("read").await, first, "for up to an hour");
    assert_eq!(reader.answer("refresh").await, token());
    let calls = scene.simulation.secrets_manager.accesses().into_iter().filter(|call| call.access_key == READER);
    let actions: Vec<_> = calls.map(|call| call.action).collect();
    assert_eq!(actions, ["DescribeSecret", "GetSecretValue", "DescribeSecret", "GetSecretValue"]);
}

macro_rules! languages {
    ($($name:ident: $case:ident($language:literal),)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                tokio::time::timeout(super::SECOND * 180, $case($language)).await.expect("the reader recovers");
            }
        )*
    };
}

languages! {
    the_python_client_survives_rotations_that_revoke_its_token: survives_rotations("python"),
    the_javascript_client_survives_rotations_that_revoke_its_token: survives_rotations("javascript"),
    the_go_client_survives_rotations_that_revoke_its_token: survives_rotations("go"),
    the_java_client_survives_rotations_that_revoke_its_token: survives_rotations("java"),
    the_bash_client_survives_rotations_that_revoke_its_token: survives_rotations("bash"),
    the_python_client_recovers_from_a_stale_read: recovers_from_a_stale_read("python"),
    the_javascript_client_recovers_from_a_stale_read: recovers_from_a_stale_read("javascript"),
    the_go_client_recovers_from_a_stale_read: recovers_from_a_stale_read("go"),
    the_java_client_recovers_from_a_stale_read: recovers_from_a_stale_read("java"),
    the_python_client_keeps_its_token_from_other_hosts: keeps_its_token_from_other_hosts("python"),
    the_javascript_client_keeps_its_token_from_other_hosts: keeps_its_token_from_other_hosts("javascript"),
    the_go_client_keeps_its_token_from_other_hosts: keeps_its_token_from_other_hosts("go"),
    the_java_client_keeps_its_token_from_other_hosts: keeps_its_token_from_other_hosts("java"),
    the_bash_client_keeps_its_token_from_other_hosts: keeps_its_token_from_other_hosts("bash"),
    the_python_client_outlasts_odd_documents: outlasts_odd_documents("python"),
    the_javascript_client_outlasts_odd_documents: outlasts_odd_documents("javascript"),
    the_go_client_outlasts_odd_documents: outlasts_odd_documents("go"),
    the_java_client_outlasts_odd_documents: outlasts_odd_documents("java"),
    the_python_client_outlasts_a_store_that_does_not_answer: outlasts_a_silent_store("python"),
    the_javascript_client_outlasts_a_store_that_does_not_answer: outlasts_a_silent_store("javascript"),
    the_go_client_outlasts_a_store_that_does_not_answer: outlasts_a_silent_store("go"),
    the_java_client_outlasts_a_store_that_does_not_answer: outlasts_a_silent_store("java"),
}
