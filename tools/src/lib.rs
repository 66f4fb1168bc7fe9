//! ViperFS images on the host: making, reading and editing them.
//!
//! Everything here is the kernel's own engine over an [`ImageFile`]; there is no second
//! idea of what a volume is. [`make_image`] and [`open_image`] give a mounted volume,
//! [`GuestPath`] names things on it, and [`update_image`] replaces files one by one, each
//! of them as a whole or not at all.
#![forbid(unsafe_code)]

mod copy;
mod guest_path;
mod image;
mod image_file;
mod size;

pub use copy::{copy_folder, put_bytes, put_file, update_image};
pub use guest_path::GuestPath;
pub use image::{Access, ImageOptions, close, make_image, now_ns, open_image};
pub use image_file::ImageFile;
pub use size::parse_size;
