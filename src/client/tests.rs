//! The client against a toy engine, which answers without thinking.

use std::io::{self, Cursor, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use ringfence_codec::wire::{
    ClientMessage, EngineHello, ErrorCode, ReplyEncoder, RequestDecoder, encode_engine_hello,
    encode_error,
};
use ringfence_types::*;

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the toy engine ends a session.
#[derive(Debug, Clone, Copy)]
enum Toy {
    /// As it should: when the client has ended its side and everything is answered.
    Good,
    /// Without a word, once it has answered so many commands and taken in one more batch at least.
    DiesAfter(usize),
    /// With an error, once it has answered so many commands.
    RefusesAfter(usize),
    /// With an error, before any hello.
    Full,
    /// By saying what no engine says.
    Stranger,
}

trait Socket: Read + Write + Send {}
impl<T: Read + Write + Send> Socket for T {}

/// Serves one session. The command at sequence `n` of a transfer is created if `n` is odd, else
/// refused; look-ups find what has an even id.
fn serve(mut socket: Box<dyn Socket>, toy: Toy) {
    let mut out = Vec::new();
    match toy {
        Toy::Full => encode_error(ErrorCode::TooManySessions, 0, "no room", &mut out),
        Toy::Stranger => {
            out.extend_from_slice(b"220 mail.example.org ESMTP ready, as it were\r\n\r\n")
        }
        _ => {}
    }
    if !out.is_empty() {
        socket.write_all(&out).unwrap();
        return;
    }
    let mut decoder = RequestDecoder::new();
    let mut sequence = 0;
    loop {
        let count = socket.read(decoder.frames().spare()).unwrap();
        if count == 0 {
            return;
        }
        decoder.frames().advance(count);
        let mut replies = ReplyEncoder::new();
        let mut over = false;
        while let Some(request) = decoder.next_message().unwrap() {
            if let ClientMessage::Hello(_) = request {
                let hello = EngineHello {
                    batch_commands_max: 8192,
                    in_flight_commands_max: 8192,
                    ..EngineHello::default()
                };
                encode_engine_hello(&hello, &mut out);
            }
            for command in request.commands(1) {
                let (Toy::DiesAfter(most) | Toy::RefusesAfter(most)) = toy else {
                    answer(&command, &mut sequence, &mut replies, &mut out);
                    continue;
                };
                over = sequence == most as u64;
                if over {
                    break;
                }
                answer(&command, &mut sequence, &mut replies, &mut out);
            }
        }
        replies.finish(&mut out);
        if over && matches!(toy, Toy::RefusesAfter(_)) {
            encode_error(ErrorCode::BadValue, 0, "field frozen has no such value", &mut out);
        }
        socket.write_all(&out).unwrap();
        out.clear();
        if over {
            return;
        }
    }
}

fn answer(command: &Command, sequence: &mut u64, replies: &mut ReplyEncoder, out: &mut Vec<u8>) {
    *sequence += 1;
    let mut command = *command;
    command.header.timestamp = *sequence + 100;
    let even = command.id().is_multiple_of(2);
    let status = match command.op() {
        Op::LookupAccount if even => Status::Found,
        Op::LookupAccount => Status::NotFound,
        _ if sequence.is_multiple_of(2) => Status::ExceedsCredits,
        _ => Status::Created,
    };
    if status == Status::Found {
        let account = Account { id: command.id(), ledger: 978, ..Account::default() };
        let event = Event {
            sequence: *sequence,
            kind: EventKind::AccountBody as u8,
            body: EventBody::of_account(account),
            ..Event::default()
        };
        replies.event(&event, out);
    }
    replies.outcome(*sequence, &Outcome::of(&command, status), out);
}

/// A toy engine that takes one session, and a client of it.
struct Session {
    client: Client,
    engine: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn start(toy: Toy) -> (Address, JoinHandle<()>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let engine = thread::spawn(move || serve(Box::new(listener.accept().unwrap().0), toy));
    (Address::Unix(path), engine, folder)
}

fn session(toy: Toy) -> Session {
    let (address, engine, folder) = start(toy);
    let client = Client::connect(&address).unwrap();
    Session { client, engine, _folder: folder }
}

/// What `submit` prints of `input`, and its report.
fn submitted(toy: Toy, input: impl Into<Vec<u8>>) -> (String, SubmitReport) {
    let Session { client, engine, _folder } = session(toy);
    let mut output = Vec::new();
    let report = submit(Cursor::new(input.into()), &mut output, client);
    engine.join().unwrap();
    (String::from_utf8(output).unwrap(), report)
}

#[test]
fn answers_and_malformed_lines_stand_in_the_order_of_the_input() {
    let input = concat!(
        "nonsense\n",
        r#"[{"op":"create_transfer","id":11},{"op":"create_transfer","id":12}]"#,
        "\n\n",
        r#"{"op":"advance_clock","nanoseconds":1}"#,
        "\n",
        r#"{"op":"lookup_account","id":4}"#,
        "\r\n",
        r#"{"op":"lookup_account","id":5}"#,
        "\n",
        r#"{"op":"lookup_account","id":-1}"#,
    );
    let expected = [
        r#"{"line":1,"status":"malformed","error":"expected `{` or `[`, not `n` at column 1"}"#,
        r#"{"sequence":"1","op":"create_transfer","id":"11","status":"created","timestamp":"101"}"#,
        r#"{"sequence":"2","op":"create_transfer","id":"12","status":"exceeds_credits","timestamp":"102"}"#,
        r#"{"line":4,"status":"malformed","error":"`advance_clock` needs a manual clock (apply --clock manual) at column 7"}"#,
        r#"{"sequence":"3","op":"lookup_account","id":"4","status":"found","timestamp":"103","account":{"id":"4","debits_pending":"0","debits_posted":"0","credits_pending":"0","credits_posted":"0","user_data_128":"0","user_data_64":"0","user_data_32":0,"ledger":978,"code":0,"flags":[],"timestamp":"0"}}"#,
        r#"{"sequence":"4","op":"lookup_account","id":"5","status":"not_found","timestamp":"104"}"#,
        r#"{"line":7,"status":"malformed","error":"field `id` must be an unsigned integer, not a number with sign, point or exponent at column 29"}"#,
        "",
    ];
    let (output, report) = submitted(Toy::Good, input);
    assert_eq!(output, expected.join("\n"));
    assert_eq!(report.malformed, 3);
    assert_eq!(report.unanswered, 0);
    assert_eq!(report.outcomes.refused(), 1);
    assert!(report.stopped.is_none());
    let counts: Vec<_> = report.outcomes.iter().collect();
    let expected =
        [Status::Created, Status::ExceedsCredits, Status::Found, Status::NotFound].map(|s| (s, 1));
    assert_eq!(counts, expected);
}

#[test]
fn a_line_that_is_too_long_is_answered_in_its_place() {
    let mut input = b"{\"op\":\"lookup_account\"}\n".to_vec();
    input.resize(input.len() + ringfence_codec::text::LINE_BYTES_MAX + 1, b' ');
    input.extend_from_slice(b"\n{\"op\":\"lookup_account\"}");
    let (output, report) = submitted(Toy::Good, input);
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 3);
    let error = "line of more than 16777216 bytes";
    assert_eq!(lines[1], format!(r#"{{"line":2,"status":"malformed","error":"{error}"}}"#));
    assert_eq!(report.malformed, 1);
}

/// The toy engine writes before it reads on, so a client that did not read while it sends would
/// wait for it forever.
#[test]
fn more_than_any_buffer_holds_goes_through_on_both_kinds_of_sockets() {
    let batch = |length: usize, first: usize| {
        let ids = first..first + length;
        let commands: Vec<_> =
            ids.map(|id| format!(r#"{{"op":"lookup_account","id":{}}}"#, 2 * id)).collect();
        format!("[{}]\n", commands.join(","))
    };
    let mut input = String::new();
    let mut count = 0;
    for length in [1, 8192, 3, 8192, 100, 8192].into_iter().chain([1; 20_000]) {
        input += &batch(length, count);
        count += length;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = Address::Tcp(listener.local_addr().unwrap().to_string());
    let tcp_engine =
        thread::spawn(move || serve(Box::new(listener.accept().unwrap().0), Toy::Good));
    let (unix, unix_engine, _folder) = start(Toy::Good);
    for (address, engine) in [(unix, unix_engine), (tcp, tcp_engine)] {
        let mut output = Vec::new();
        let client = Client::connect(&address).unwrap();
        let report = submit(Cursor::new(input.clone().into_bytes()), &mut output, client);
        engine.join().unwrap();
        assert!(report.stopped.is_none(), "{address}: {:?}", report.stopped);
        assert_eq!(report.outcomes.of(Status::Found), count as u64);
        let output = String::from_utf8(output).unwrap();
        for (index, line) in output.lines().enumerate() {
            let start = format!(
                r#"{{"sequence":"{}","op":"lookup_account","id":"{}","status":"found""#,
                index + 1,
                2 * index
            );
            assert!(line.starts_with(&start), "{address}: {line}");
        }
        assert_eq!(output.lines().count(), count);
    }
}

/// An input that gives what is sent through a channel, and pauses in between.
struct Paused(mpsc::Receiver<&'static [u8]>);

impl Read for Paused {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.recv() {
            Ok(chunk) => (&*chunk).read(bytes),
            Err(_) => Ok(0),
        }
    }
}

/// An output that passes each write on.
struct Passed(mpsc::Sender<String>);

impl Write for Passed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_line_is_answered_while_the_input_pauses() {
    let Session { client, engine, _folder } = session(Toy::Good);
    let (input, paused) = mpsc::channel();
    let (passed, output) = mpsc::channel();
    let submitter = thread::spawn(move || submit(Paused(paused), &mut Passed(passed), client));
    for (line, answer) in [
        (&b"{\"op\":\"lookup_account\",\"id\":1}\n"[..], "\"status\":\"not_found\""),
        (b"nonsense\n", "\"status\":\"malformed\""),
        (b"{\"op\":\"lookup_account\",\"id\":3}\n{\"op\":", "\"status\":\"not_found\""),
        (b"\"lookup_account\",\"id\":4}\n", "\"status\":\"found\""),
    ] {
        input.send(line).unwrap();
        let printed = output.recv_timeout(PATIENCE).expect("an answer before the next line");
        assert!(printed.contains(answer), "{printed}");
    }
    drop(input);
    assert!(submitter.join().unwrap().stopped.is_none());
    engine.join().unwrap();
}

#[test]
fn a_lost_engine_leaves_a_count_of_what_is_unanswered() {
    let input = concat!(
        r#"[{"op":"create_transfer","id":1},{"op":"create_transfer","id":2},{"op":"create_transfer","id":3}]"#,
        "\nnonsense\n",
        r#"[{"op":"create_transfer","id":4},{"op":"create_transfer","id":5}]"#,
        "\n",
        r#"{"op":"create_transfer","id":6}"#,
        "\n",
    );
    let cases = [
        (Toy::DiesAfter(0), 6, "the engine closed the connection"),
        (Toy::DiesAfter(2), 4, "the engine closed the connection"),
        (Toy::DiesAfter(3), 3, "the engine closed the connection"),
        (Toy::DiesAfter(5), 1, "the engine closed the connection"),
        (Toy::RefusesAfter(4), 2, "the engine ended the session: field frozen has no such value"),
    ];
    for (toy, unanswered, reason) in cases {
        let (output, report) = submitted(toy, input);
        assert_eq!(report.unanswered, unanswered, "{toy:?}");
        let answered = output.lines().filter(|line| line.contains("sequence")).count() as u64;
        assert_eq!(answered, 6 - unanswered, "{toy:?}: every answer that came is printed");
        let error = report.stopped.expect("it was stopped").to_string();
        assert!(error.contains(reason), "{toy:?}: {error}");
    }
}

#[test]
fn a_lost_engine_is_told_though_the_input_goes_on_pausing() {
    let Session { client, engine, _folder } = session(Toy::DiesAfter(0));
    let (input, paused) = mpsc::channel();
    input.send(&b"{\"op\":\"create_transfer\",\"id\":1}\n"[..]).unwrap();
    let (done, report) = mpsc::channel();
    let submitter = thread::spawn(move || {
        done.send(submit(Paused(paused), &mut io::sink(), client)).unwrap();
    });
    let report = report.recv_timeout(PATIENCE).expect("it does not wait for the input");
    assert_eq!(report.unanswered, 1);
    assert!(matches!(report.stopped, Some(SubmitError::Engine(_))));
    submitter.join().unwrap();
    engine.join().unwrap();
    drop(input);
}

#[test]
fn a_closed_output_stops_it() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let Session { client, engine, _folder } = session(Toy::Good);
    let (input, paused) = mpsc::channel();
    input.send(&b"{\"op\":\"lookup_account\",\"id\":1}\n"[..]).unwrap();
    let report = submit(Paused(paused), &mut Closed, client);
    assert!(matches!(report.stopped, Some(SubmitError::Output(_))), "{report:?}");
    drop(input);
    engine.join().unwrap();
}

#[test]
fn an_input_that_fails_is_an_error_after_the_answers_to_what_was_read() {
    struct Failing(Cursor<&'static [u8]>);
    impl Read for Failing {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            match self.0.read(bytes)? {
                0 => Err(io::Error::other("the tape tore")),
                count => Ok(count),
            }
        }
    }
    let Session { client, engine, _folder } = session(Toy::Good);
    let text = &b"{\"op\":\"lookup_account\",\"id\":1}\n{\"op\":\"lookup_account\",\"id\":2}"[..];
    let mut output = Vec::new();
    let report = submit(Failing(Cursor::new(text)), &mut output, client);
    engine.join().unwrap();
    assert_eq!(String::from_utf8(output).unwrap().lines().count(), 1);
    assert_eq!(report.unanswered, 0);
    let error = report.stopped.expect("it was stopped").to_string();
    assert_eq!(error, "reading the input: the tape tore");
}

#[test]
fn who_is_no_engine_or_has_no_room_is_an_error_that_says_so() {
    for (toy, reason) in [
        (Toy::Full, "the engine ended the session: no room (error 10)"),
        (Toy::Stranger, "this is not the Ringfence protocol"),
    ] {
        let (address, engine, _folder) = start(toy);
        let error = Client::connect(&address).unwrap_err();
        assert_eq!(error.to_string(), format!("{address}: {reason}"));
        engine.join().unwrap();
    }
    let address: Address = "unix:/nonexistent/engine.sock".parse().unwrap();
    let error = Client::connect(&address).unwrap_err().to_string();
    assert!(
        error.starts_with("connecting to unix:/nonexistent/engine.sock: No such file"),
        "{error}"
    );
}

#[test]
fn a_batch_is_executed_and_answered_as_a_whole() {
    let Session { mut client, engine, _folder } = session(Toy::Good);
    assert_eq!(client.hello().in_flight_commands_max, 8192);
    let lookup = |id| Command::lookup_account(Lookup { id, reserved: [0; 7] });
    for round in 0..3 {
        let answers = client.execute(&[lookup(1), lookup(2), lookup(4)]).unwrap();
        let seen: Vec<_> = answers
            .iter()
            .map(|answer| {
                let found = answer.bodies.first().map(|event| event.body.account().id);
                (answer.sequence, answer.outcome.status(), found)
            })
            .collect();
        let first = 3 * round + 1;
        let expected = [
            (first, Status::NotFound, None),
            (first + 1, Status::Found, Some(2)),
            (first + 2, Status::Found, Some(4)),
        ];
        assert_eq!(seen, expected);
    }
    drop(client);
    engine.join().unwrap();
}

#[test]
fn commands_that_are_no_batch_are_refused_and_the_session_goes_on() {
    let Session { mut client, engine, _folder } = session(Toy::Good);
    let lookup = Command::lookup_account(Lookup { id: 2, reserved: [0; 7] });
    let unknown = Command { header: Header { op: 99, ..Header::default() }, ..lookup };
    let account = Command::create_account(Account::default());
    //  commands, why they are no batch
    let cases = [
        (vec![], "none"),
        (vec![lookup; BATCH_COMMANDS_MAX + 1], "too many"),
        (vec![lookup, account], "of two operations"),
        (vec![Command::pulse()], "the engine's own"),
        (vec![unknown], "of no operation"),
    ];
    for (commands, why) in cases {
        let result = client.execute(&commands);
        assert!(matches!(result, Err(ClientError::NotABatch)), "{why}: {result:?}");
    }
    assert_eq!(client.execute(&[lookup]).unwrap()[0].sequence, 1, "nothing was sent before");
    drop(client);
    engine.join().unwrap();
}

#[test]
fn what_ended_the_session_is_told_rather_than_the_write_that_failed() {
    let Session { mut client, engine, _folder } = session(Toy::RefusesAfter(1));
    let lookup = Command::lookup_account(Lookup { id: 2, reserved: [0; 7] });
    let refused = client.execute(&[lookup, lookup]).unwrap_err();
    assert!(matches!(refused, ClientError::Refused { .. }), "{refused}");
    engine.join().unwrap();
    // The engine is gone: each further batch ends with an error, and none with a panic.
    for _ in 0..3 {
        let error = client.execute(&[lookup]).unwrap_err();
        assert!(matches!(error, ClientError::Io { .. } | ClientError::Closed(_)), "{error}");
    }
}
