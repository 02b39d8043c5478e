//! From a process's start to its first request for an event.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The medians of both, measured in turns so that whatever else this machine does meets both alike.
pub fn medians(ours: &mut Command, theirs: &mut Command, rounds: usize) -> (Duration, Duration) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    // The first start of each reads its files from the disk.
    first_request(ours);
    first_request(theirs);
    for round in 0..rounds {
        our_times.push(first_request(ours));
        // The slower one is started less often.
        if round % 3 == 0 {
            their_times.push(first_request(theirs));
        }
    }
    (median(our_times), median(their_times))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn first_request(command: &mut Command) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    command.env("AWS_LAMBDA_RUNTIME_API", address).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut process = command.spawn().expect("it starts");
    let (stream, _) = listener.accept().expect("it connects");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it asks");
    let took = began.elapsed();
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    assert!(line.starts_with("GET /2018-06-01/runtime/invocation/next "), "{line}");
    took
}
