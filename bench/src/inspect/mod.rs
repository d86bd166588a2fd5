//! `mountdb inspect`: what the indexes of table files are made of.
//!
//! | what | where |
//! |---|---|
//! | command line, one file after the other | [`cli`] |
//! | what is found in a file | [`file`](mod@file) |
//! | what its properties say, and whether that is so | [`properties`] |
//! | figures for people | [`report`] |
//! | a drawing of the model over the keys | [`plot`] |
//! | where keys lie in it, how they and names are written | [`axis`], [`label`] |
//! | the elements of a drawing | [`svg`] |

pub mod axis;
pub mod cli;
pub mod file;
pub mod label;
pub mod plot;
pub mod properties;
pub mod report;
pub mod svg;
