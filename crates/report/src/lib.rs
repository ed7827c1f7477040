//! Turns a run into bytes and text: what a delivery carries, what a terminal shows, what a ticket says.
//!
//! Nothing is decided here. A cell is written as the merge left it; a blank is never a zero, in no format.
//!
//! | module | makes |
//! | --- | --- |
//! | `format` | the names of the formats, and [`render`] |
//! | `sheet` | CSV, and CSV with one line a cell |
//! | `json` | the one object that a run is, and the lines of its log |
//! | `table` | the table for a terminal |
//! | `summary` | totals and failures without a customer's name |
//! | `text` | how a number, a state and a foreign text are written |

mod format;
mod json;
mod sheet;
mod summary;
mod table;
mod text;

pub use format::{Format, render};
pub use json::{json, json_object, log_lines};
pub use summary::{status_word, summary};
pub use table::table;
