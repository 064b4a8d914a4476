//! An engine, a bridge and a browser that shows its page.

use std::net::{TcpListener, TcpStream};

use ringfence_client::{Address, Client, Options, Token};
use ringfence_types::{
    Account, AccountFlags, Command, Market, Op, PlaceOrder, Side, Transfer, TransferFlags,
};

use crate::house::{House, Program, eventually};
use crate::page::browser::Browser;

pub const EUR: u32 = 978;
const USD: u32 = 840;

/// All that a test needs. What stands first is ended first.
pub struct Scene {
    pub browser: Browser,
    pub bridge: Program,
    pub engine: Program,
    pub house: House,
    port: u16,
}

impl Scene {
    /// Starts everything and opens the page; `None` where there is no browser.
    pub fn open() -> Option<Scene> {
        let browser = Browser::start()?;
        let house = House::new();
        let engine = house.engine();
        let port = free_port();
        let bridge = house.bridge(&configuration(port));
        let scene = Scene::of(browser, bridge, engine, house, port);
        scene.browser.until("document.getElementById('state').textContent === 'live'");
        Some(scene)
    }

    /// Opens the page of a bridge that was started just now.
    pub fn of(
        browser: Browser,
        bridge: Program,
        engine: Program,
        house: House,
        port: u16,
    ) -> Scene {
        let scene = Scene { browser, bridge, engine, house, port };
        eventually("the bridge answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        scene.browser.look(1600, 1000, false);
        scene.browser.open(&scene.url());
        scene
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub fn start_bridge(&mut self) {
        self.bridge = self.house.bridge(&configuration(self.port));
    }

    pub fn client(&self) -> Client {
        Client::connect(&Address::Unix(self.house.socket())).unwrap()
    }

    /// A client that shows a token.
    pub fn client_with(&self, token: &str) -> Client {
        let options = Options { token: Token::new(token).unwrap(), ..Options::default() };
        Client::connect_with(&Address::Unix(self.house.socket()), options).unwrap()
    }

    /// Waits until the page shows this sequence, for as long as what it shows grows.
    pub fn until_sequence(&self, sequence: u64) {
        let shown = "document.getElementById('sequence').textContent.replaceAll(',', '')";
        let mut last = String::new();
        while last != sequence.to_string() {
            let before = last.clone();
            eventually(&format!("{shown}: more than {before}"), || {
                last = self.browser.text(shown);
                last != before
            });
        }
    }
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A bridge for the page alone; `ENGINE` is the engine's address.
fn configuration(port: u16) -> String {
    format!(
        "[engine]\nconnect = \"ENGINE\"\n[bridge]\ndrain = \"1s\"\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\nanonymous = true\n"
    )
}

/// An account whose user data are a name.
pub fn account(id: u128, name: &str, ledger: u32, flags: AccountFlags) -> Command {
    let user_data_128 = name.bytes().fold(0, |number, byte| number << 8 | u128::from(byte));
    Command::create_account(Account {
        id,
        user_data_128,
        ledger,
        code: 1,
        flags,
        ..Account::default()
    })
}

/// A payment from account 1 to account 2, unless it is changed.
pub fn transfer(id: u128, amount: u128) -> Transfer {
    Transfer {
        id,
        debit_account_id: 1,
        credit_account_id: 2,
        amount,
        ledger: EUR,
        code: 1,
        ..Transfer::default()
    }
}

/// Some of everything: payments, a refusal, one that waits, a market with orders. Returns the last
/// sequence.
pub fn some_of_everything(client: &mut Client) -> u64 {
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let accounts = [
        account(1, "Town Bank", EUR, AccountFlags::NONE),
        account(2, "Bakery Huber", EUR, limited),
        account(3, "Old Mill Cafe", EUR, limited),
        account(4, "Exchange USD", USD, AccountFlags::NONE),
        account(5, "Exchange EUR", EUR, AccountFlags::NONE),
        account(6, "Town Bank USD", USD, AccountFlags::NONE),
    ];
    let market = Market {
        id: 1,
        base_ledger: USD,
        quote_ledger: EUR,
        lot: 10_000,
        tick: 1,
        base_account_id: 4,
        quote_account_id: 5,
        fee_account_id: 5,
        ..Market::default()
    };
    let order = |id, side: Side, price| {
        Command::place_order(PlaceOrder {
            id,
            market: 1,
            side: side as u8,
            base_account_id: 6,
            quote_account_id: 1,
            price,
            quantity: 7,
            ..PlaceOrder::default()
        })
    };
    let bakery = |id, amount, flags| {
        let debit_account_id = 2;
        let credit_account_id = 3;
        let payment = transfer(id, amount);
        Command::create_transfer(Transfer { debit_account_id, credit_account_id, flags, ..payment })
    };
    let batches = [
        accounts.to_vec(),
        vec![Command::create_transfer(transfer(10, 2_500))],
        vec![bakery(11, 9_000_000, TransferFlags::NONE)],
        vec![bakery(12, 8_000, TransferFlags::QUEUE)],
        vec![Command::create_market(market)],
        vec![order(1, Side::Sell, 9_220), order(2, Side::Buy, 9_200)],
    ];
    let mut last = 0;
    for batch in batches {
        for answer in client.execute(&batch).unwrap() {
            let is_refused = answer.outcome.status().is_refusal();
            let is_too_much = answer.outcome.id == 11 && answer.outcome.op() == Op::CreateTransfer;
            assert_eq!(is_refused, is_too_much, "{:?}", answer.outcome);
            last = answer.sequence;
        }
    }
    last
}
