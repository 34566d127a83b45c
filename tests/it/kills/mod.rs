//! `kill -9` at any moment, over and over on one database: what was promised is kept, and nothing is sent twice.

mod blow;
mod check;
pub mod customer;
mod refused_commit;
mod replicas;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use salesbridge::clock::Clock;
use salesbridge::sandbox::{Fault, Sandbox};
use tokio::task::JoinSet;

use self::blow::Blow;
use self::customer::{APP_SECRET, Customer, Door};
use crate::books::{Books, new_postgres};
use crate::harness::PAGE;
use crate::process::{Place, Served, comes_true};
use crate::seeded::{Chance, seed};

/// Customers that come together.
const TOGETHER: usize = 3;

/// How long a process may live on when everything is done, before it is killed all the same.
const LIVES: Duration = Duration::from_millis(1200);

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// A shop whose process is ended again and again.
struct Killed {
    place: Place,
    books: Books,
    is_shared: bool,
    meta: Sandbox,
    client: reqwest::Client,
    key: String,
    customers: Vec<Arc<Customer>>,
    chance: Chance,
    /// How often it was ended, by how.
    kills: BTreeMap<String, usize>,
}

/// A shop's folder: nothing is held back, and the sandbox is Meta.
pub fn place(meta: &Sandbox, database: Option<&str>) -> Place {
    let (url, database) = (meta.url(), database.unwrap_or("sqlite://shop.db"));
    let place = Place::new(&format!(
        "database_url = \"{database}\"\nphone_key_file = \"phone.key\"\n\
         [meta]\napp_secret = \"{APP_SECRET}\"\nverify_token = \"my_secret\"\ngraph_url = \"{url}\"\n\
         [[pages]]\nid = \"{PAGE}\"\nname = \"Shop\"\ndataset_id = \"1234567890123456\"\n\
         access_token = \"token-of-the-page\"\ncurrency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n\
         [pages.signals]\nhold = \"0s\"\n"
    ));
    std::fs::write(place.0.join("phone.key"), "0123456789abcdef".repeat(4)).unwrap();
    place
}

pub async fn meta() -> Sandbox {
    let meta = Sandbox::start(Clock::system(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    meta.link(PAGE, "1234567890123456", "token-of-the-page");
    meta
}

impl Killed {
    async fn new(url: Option<&str>) -> Self {
        let meta = meta().await;
        let place = place(&meta, url);
        let key = place.key("operator");
        let file = format!("sqlite://{}", place.0.join("shop.db").display());
        let books = Books::open(url.unwrap_or(&file)).await;
        Self {
            books,
            is_shared: url.is_some(),
            meta,
            client: salesbridge::http_client::client().unwrap(),
            key,
            customers: Vec::new(),
            chance: Chance::new(seed()),
            kills: BTreeMap::new(),
            place,
        }
    }

    fn door(&self, served: &Served) -> Door {
        Door { client: self.client.clone(), url: served.url(), key: self.key.clone() }
    }

    /// New customers come.
    fn welcomes(&mut self) {
        let number = self.customers.len();
        self.customers.extend((number..number + TOGETHER).map(|number| Arc::new(Customer::new(number))));
    }

    /// Everybody who is not done goes on, beside each other, until all are done or the process is gone.
    async fn trades(&self, door: &Door) {
        let mut deals = JoinSet::new();
        for customer in self.customers.iter().filter(|customer| !customer.told().done) {
            let (customer, door) = (Arc::clone(customer), door.clone());
            deals.spawn(async move { customer.deals(&door).await });
        }
        while let Some(deal) = deals.join_next().await {
            // A process that is gone is what is wanted; a promise that was broken is not.
            drop(deal.expect("a customer was answered as promised"));
        }
    }

    /// One life of the process, and its end.
    async fn lives(&mut self, blow: Blow) {
        let open_before = self.open_attempts().await;
        let mut command = self.place.command(&["serve"]);
        command.env("FAILPOINTS", blow.failpoints());
        let mut served = Served::spawn(&mut command);
        if served.comes_to_listen() {
            self.welcomes();
            let door = self.door(&served);
            match blow {
                Blow::Point(..) => {
                    self.trades(&door).await;
                    comes_true(LIVES, async || served.child.try_wait().unwrap().is_some()).await;
                }
                Blow::Moment(moment) => drop(tokio::time::timeout(moment, self.trades(&door)).await),
                Blow::Held => {
                    self.meta.fail_next(Fault::Hold);
                    self.trades(&door).await;
                    assert!(
                        tokio::time::timeout(LIVES * 5, self.meta.held()).await.is_ok(),
                        "nothing was sent"
                    );
                }
            }
        }
        let ended = served.dies().signal();
        self.meta.lift(None);
        self.meta.release();
        let how = match (blow, ended) {
            (Blow::Point(name, _), Some(SIGABRT)) => name,
            (Blow::Held, Some(SIGKILL)) => "while a request was out",
            (_, Some(SIGKILL)) => "at any moment",
            (_, other) => panic!("ended by {other:?} under {blow:?}"),
        };
        *self.kills.entry(how.to_owned()).or_default() += 1;
        if how == "send.leased" {
            let open = self.open_attempts().await;
            let mut begun = open.iter().filter(|id| !open_before.contains(id));
            assert!(begun.next().is_none(), "what was only leased was not being sent");
        }
        if self.is_shared && self.chance.one_in(2) {
            self.books.lapse().await;
        }
    }

    async fn open_attempts(&self) -> Vec<Vec<String>> {
        self.books.rows("select id from attempt where verdict is null").await
    }

    /// A last life, to its good end: everybody is served, and all that is due leaves.
    async fn ends_well(&self) {
        self.books.lapse().await;
        let mut served = Served::start(&self.place);
        self.trades(&self.door(&served)).await;
        let settled = comes_true(Duration::from_secs(40), async || {
            let open = "select count(*) from conversion where state in ('held', 'ready', 'sending')";
            self.books.count(open).await == 0 && self.open_attempts().await.is_empty()
        });
        assert!(
            settled.await,
            "something is still open: {:?}",
            self.books
                .rows(
                    "select event_id, state, reason, cast(lease_until as text) from conversion
              where state in ('held', 'ready', 'sending')"
                )
                .await
        );
        served.is_told_to("-TERM");
        served.waits_for("Stopped");
        assert_eq!(served.ends().0.code(), Some(0));
    }
}

/// How often the process is killed on each database.
fn kills() -> usize {
    std::env::var("SALESBRIDGE_TEST_KILLS").map_or(60, |number| number.parse().unwrap())
}

async fn nothing_is_lost_and_nothing_is_sent_twice(url: Option<&str>) {
    let mut shop = Killed::new(url).await;
    for round in 0..kills() {
        let blow = Blow::of(round, shop.is_shared, &mut shop.chance);
        shop.lives(blow).await;
    }
    shop.ends_well().await;
    let found = check::all(&shop).await;
    println!("seed {}: {} kills {:?}; {found:?}", seed(), kills(), shop.kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_on_sqlite() {
    nothing_is_lost_and_nothing_is_sent_twice(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_on_postgres() {
    nothing_is_lost_and_nothing_is_sent_twice(Some(&new_postgres().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_migrates_holds_nobody_up_for_long() {
    let url = new_postgres().await;
    let meta = meta().await;
    let place = place(&meta, Some(&url));
    let books = Books::open(&url).await;
    for point in ["migrate.leased", "migrate.moved"] {
        let dead =
            Served::spawn(place.command(&["serve"]).env("FAILPOINTS", format!("{point}=return(abort)")));
        assert_eq!(dead.ends().0.signal(), Some(SIGABRT), "{point}");
        let held = "select count(*) from migration_lease
                     where held_until > now() and held_until <= now() + interval '15 seconds'";
        assert_eq!(books.count(held).await, 1);
        if point == "migrate.leased" {
            books.run("update migration_lease set held_until = now()").await;
        }
    }
    // There is nothing left to migrate, so that nobody waits for the lease.
    Served::start(&place);
    assert_eq!(books.count("select count(*) from migration_lease where held_until > now()").await, 1);
}
