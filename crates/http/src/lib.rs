//! One HTTP client for all connectors.
//!
//! A connector says which calls to make, how pages end and how the credential is shown; everything else lives
//! here: limits, retries, timeouts, the token cache, strict decoding, classes of errors, redaction. It is the only
//! crate that names reqwest.
//!
//! ```text
//! let api = Api::builder(cx, META.default_url).auth(Basic::new(key, secret)).per_minute(60).build()?;
//! let mut pages = api.pages(Call::get("/organizations").query("limit", 500), |page: &Page, _| {
//!     Next::cursor("page_token", page.next_page_token.as_deref())
//! });
//! while let Some(page) = pages.next().await? { … }
//! ```
//!
//! | module | owns |
//! | --- | --- |
//! | [`api`] | the client; the loop of attempts |
//! | `builder` | how a client is made |
//! | `tls` | TLS as every client has it |
//! | [`call`] | a request before it is sent |
//! | [`reply`] | an answer: its class, its strict decoding |
//! | [`auth`], [`token`] | how a credential is shown, and how a token is got and kept |
//! | `rotation` | a refresh token that is spent by its use, and the state folder |
//! | [`login`] | a vendor's own log-in, and the passcodes of a second factor |
//! | [`entra`] | what Microsoft's login service means by its numbers |
//! | [`tenants`] | one vendor, many tenants, a token for each |
//! | [`limit`] | concurrency and requests a minute |
//! | `lists` | whole lists |
//! | `beside` | many questions side by side |
//! | [`paging`] | following pages, with a guard against loops |

pub mod api;
pub mod auth;
mod beside;
mod builder;
pub mod call;
pub mod entra;
pub mod limit;
mod lists;
pub mod login;
pub mod paging;
pub mod reply;
mod rotation;
pub mod tenants;
mod tls;
pub mod token;

pub use api::Api;
pub use auth::{ApiKey, Auth, Basic, Bearer, Beside, Outgoing, Signed, Stamp};
pub use beside::side_by_side;
pub use builder::{ApiBuilder, Retry};
pub use call::{Call, FormPart, segment};
pub use login::{Login, Totp};
pub use paging::{Next, Pages, Part, Position};
pub use reply::Reply;
pub use tenants::Tenants;
pub use token::{Grant, OAuth2, Token, TokenSource, Tokens};
