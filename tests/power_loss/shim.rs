//! A disk that forgets, for a server that knows nothing of it: a library that is loaded before the
//! C library (`LD_PRELOAD`), whose calls on the files of one database it writes down ([`disk`])
//! before it makes them. A test can then take from these files what was never synchronised, as a
//! loss of power does and a kill does not.
//!
//! What a synchronisation promises is kept in the record only; the disk below is left alone. If the
//! test says so, calls fail. What it cannot follow (a rename, another name for a file) ends the
//! process, so that nothing is missed in silence.
//!
//! It uses the standard library only, so that `rustc` makes it in a second.

#![allow(
    unsafe_code,
    reason = "to stand in for functions of the C library is unsafe by its nature"
)]
#![allow(unreachable_pub, reason = "the functions are there for the linker")]

#[allow(dead_code, reason = "the test uses the rest of it")]
mod disk;

use disk::{Change, DATABASE, Disk, Part, Version};
use std::env;
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::abort;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// As Linux has them on x86-64 and aarch64.
const O_ACCMODE: c_int = 0o3;
const O_CREAT: c_int = 0o100;
const O_TRUNC: c_int = 0o1000;
const O_APPEND: c_int = 0o2000;
const AT_FDCWD: c_int = -100;
const SEEK_CUR: c_int = 1;
const SEEK_END: c_int = 2;
const F_GETFL: c_int = 3;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
    fn lseek64(descriptor: c_int, offset: i64, whence: c_int) -> i64;
    fn fcntl(descriptor: c_int, command: c_int, ...) -> c_int;
}

/// The next function of this name: the C library's.
macro_rules! next {
    ($name:literal as $type:ty) => {{
        static NEXT: OnceLock<$type> = OnceLock::new();
        *NEXT.get_or_init(|| {
            // RTLD_NEXT
            let handle = usize::MAX as *mut c_void;
            // SAFETY: the name ends with a zero.
            let address = unsafe { dlsym(handle, $name.as_ptr()) };
            if address.is_null() {
                abort();
            }
            // SAFETY: the C library's function of this name has this type.
            unsafe { std::mem::transmute::<*mut c_void, $type>(address) }
        })
    }};
}

/// The database that is watched.
struct Watched {
    database: PathBuf,
    directory: PathBuf,
    disk: Disk,
}

fn watched() -> Option<&'static Watched> {
    static WATCHED: OnceLock<Option<Watched>> = OnceLock::new();
    let watched = WATCHED.get_or_init(|| {
        let database = PathBuf::from(env::var_os(DATABASE)?);
        Some(Watched {
            directory: database.parent()?.to_owned(),
            disk: Disk::of(&database),
            database,
        })
    });
    watched.as_ref()
}

impl Watched {
    fn part(&self, path: &Path) -> Option<Part> {
        Part::ALL
            .into_iter()
            .find(|part| part.path(&self.database) == path)
    }
}

/// The record and what it tells of change together.
fn lock() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a descriptor is: nothing, 1 + the index of a part, or the directory.
static DESCRIPTORS: [AtomicU8; 4096] = [const { AtomicU8::new(0) }; 4096];
const DIRECTORY: u8 = 100;

fn kind(descriptor: c_int) -> u8 {
    usize::try_from(descriptor)
        .ok()
        .and_then(|index| DESCRIPTORS.get(index))
        .map_or(0, |kind| kind.load(Ordering::SeqCst))
}

fn set_kind(descriptor: c_int, kind: u8) {
    let Ok(index) = usize::try_from(descriptor) else {
        return;
    };
    match DESCRIPTORS.get(index) {
        Some(slot) => slot.store(kind, Ordering::SeqCst),
        None if kind == 0 => {}
        None => abort(),
    }
}

/// The file that a descriptor is open for, if it is watched.
fn watched_file(descriptor: c_int) -> Option<(&'static Watched, Part)> {
    let index = usize::from(kind(descriptor)).checked_sub(1)?;
    Some((watched()?, *Part::ALL.get(index)?))
}

fn fail(number: c_int) -> c_int {
    // SAFETY: the C library gives every thread a place for its error number.
    unsafe { *__errno_location() = number };
    -1
}

/// A record that is not complete would call a fault of the shim one of the server.
fn must<T>(result: io::Result<T>) -> T {
    result.unwrap_or_else(|_| abort())
}

/// # Safety
/// `path` is a C string.
unsafe fn to_path<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller says so.
    Path::new(OsStr::from_bytes(
        unsafe { CStr::from_ptr(path) }.to_bytes(),
    ))
}

/// Opens a file with `open`, and writes down what comes of it.
fn open_watched(path: &Path, flags: c_int, open: impl FnOnce() -> c_int) -> c_int {
    let Some(watched) = watched() else {
        return open();
    };
    let Some(part) = watched.part(path) else {
        let descriptor = open();
        let is_directory = path == watched.directory;
        set_kind(descriptor, if is_directory { DIRECTORY } else { 0 });
        return descriptor;
    };
    let _lock = lock();
    let changes = flags & (O_ACCMODE | O_CREAT | O_TRUNC) != 0;
    if changes && let Some(number) = watched.disk.fault(&format!("open{}", part.suffix())) {
        return fail(number);
    }
    if !path.exists() && flags & O_CREAT != 0 {
        must(watched.disk.made(part));
    } else if flags & O_TRUNC != 0 {
        must(watched.disk.change(part, &Change::Truncate { length: 0 }));
    }
    let descriptor = open();
    let index = Part::ALL.iter().position(|other| *other == part);
    set_kind(descriptor, index.map_or(0, |index| index as u8 + 1));
    descriptor
}

type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;
type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int;

// The last argument of these is one of a variable number in C, and is passed like any other.
macro_rules! open_functions {
    ($($open:ident $open_name:literal, $open_at:ident $open_at_name:literal;)*) => {$(
        /// # Safety
        /// As that of the C library.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            let next = next!($open_name as Open);
            // SAFETY: the arguments are the caller's.
            unsafe { open_watched(to_path(path), flags, || next(path, flags, mode)) }
        }

        /// # Safety
        /// As that of the C library.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $open_at(
            directory: c_int,
            path: *const c_char,
            flags: c_int,
            mode: c_uint,
        ) -> c_int {
            let next = next!($open_at_name as OpenAt);
            // SAFETY: the arguments are the caller's.
            let (path_given, open) = unsafe {
                (to_path(path), || next(directory, path, flags, mode))
            };
            // A path from the root says where it is by itself.
            if directory == AT_FDCWD || path_given.is_absolute() {
                open_watched(path_given, flags, open)
            } else {
                open()
            }
        }
    )*};
}

open_functions! {
    open c"open", openat c"openat";
    open64 c"open64", openat64 c"openat64";
}

/// # Safety
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    set_kind(descriptor, 0);
    let next = next!(c"close" as unsafe extern "C" fn(c_int) -> c_int);
    // SAFETY: the argument is the caller's.
    unsafe { next(descriptor) }
}

/// Writes down a write of `count` bytes; the error number that it is to fail with.
///
/// # Safety
/// `bytes` has that many.
unsafe fn note_write(
    (watched, part): (&Watched, Part),
    bytes: *const c_void,
    count: usize,
    offset: i64,
) -> Option<c_int> {
    must(watched.disk.count("write"));
    if let Some(number) = watched.disk.fault("write") {
        return Some(number);
    }
    // SAFETY: the caller says so.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    let change = Change::Write {
        offset: offset.unsigned_abs(),
        bytes: bytes.to_vec(),
    };
    must(watched.disk.change(part, &change));
    None
}

/// # Safety
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize {
    let next = next!(c"write" as unsafe extern "C" fn(c_int, *const c_void, usize) -> isize);
    // SAFETY: the arguments are the caller's.
    unsafe {
        let Some(file) = watched_file(descriptor) else {
            return next(descriptor, bytes, count);
        };
        let _lock = lock();
        let appends = fcntl(descriptor, F_GETFL) & O_APPEND != 0;
        let whence = if appends { SEEK_END } else { SEEK_CUR };
        let offset = lseek64(descriptor, 0, whence);
        match note_write(file, bytes, count, offset) {
            Some(number) => fail(number) as isize,
            None => next(descriptor, bytes, count),
        }
    }
}

type WriteAt = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;
type Truncate = unsafe extern "C" fn(c_int, i64) -> c_int;

macro_rules! write_functions {
    ($($write:ident $write_name:literal, $truncate:ident $truncate_name:literal;)*) => {$(
        /// # Safety
        /// As that of the C library.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $write(
            descriptor: c_int,
            bytes: *const c_void,
            count: usize,
            offset: i64,
        ) -> isize {
            let next = next!($write_name as WriteAt);
            // SAFETY: the arguments are the caller's.
            unsafe {
                let Some(file) = watched_file(descriptor) else {
                    return next(descriptor, bytes, count, offset);
                };
                let _lock = lock();
                match note_write(file, bytes, count, offset) {
                    Some(number) => fail(number) as isize,
                    None => next(descriptor, bytes, count, offset),
                }
            }
        }

        /// # Safety
        /// As that of the C library.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $truncate(descriptor: c_int, length: i64) -> c_int {
            let lock = watched_file(descriptor).map(|file| (file, lock()));
            if let Some(((watched, part), _)) = &lock {
                if let Some(number) = watched.disk.fault("write") {
                    return fail(number);
                }
                let length = length.unsigned_abs();
                must(watched.disk.change(*part, &Change::Truncate { length }));
            }
            let next = next!($truncate_name as Truncate);
            // SAFETY: the arguments are the caller's.
            unsafe { next(descriptor, length) }
        }
    )*};
}

write_functions! {
    pwrite c"pwrite", ftruncate c"ftruncate";
    pwrite64 c"pwrite64", ftruncate64 c"ftruncate64";
}

fn synchronise(descriptor: c_int, otherwise: impl FnOnce() -> c_int) -> c_int {
    let Some(watched) = watched().filter(|_| kind(descriptor) != 0) else {
        return otherwise();
    };
    let _lock = lock();
    let file = watched_file(descriptor);
    must(watched.disk.count("fsync"));
    if let Some(number) = watched.disk.fault("fsync") {
        if let Some((watched, part)) = file {
            must(watched.disk.forget_changes(Version::Current(part)));
        }
        return fail(number);
    }
    must(match file {
        Some((watched, part)) => watched.disk.synchronise(part),
        None => watched.disk.synchronise_names(),
    });
    0
}

type Synchronise = unsafe extern "C" fn(c_int) -> c_int;

/// # Safety
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    let next = next!(c"fsync" as Synchronise);
    // SAFETY: the argument is the caller's.
    synchronise(descriptor, || unsafe { next(descriptor) })
}

/// # Safety
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    let next = next!(c"fdatasync" as Synchronise);
    // SAFETY: the argument is the caller's.
    synchronise(descriptor, || unsafe { next(descriptor) })
}

fn unlink_watched(path: &Path, unlink: impl FnOnce() -> c_int) -> c_int {
    let part = watched().and_then(|watched| Some((watched, watched.part(path)?)));
    let Some((watched, part)) = part else {
        return unlink();
    };
    let _lock = lock();
    if path.exists() {
        must(watched.disk.unlinked(part));
    }
    unlink()
}

/// # Safety
/// As that of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    let next = next!(c"unlink" as unsafe extern "C" fn(*const c_char) -> c_int);
    // SAFETY: the argument is the caller's.
    unsafe { unlink_watched(to_path(path), || next(path)) }
}

type Rename = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;

macro_rules! refused {
    ($($function:ident $name:literal;)*) => {$(
        /// # Safety
        /// As that of the C library.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(old: *const c_char, new: *const c_char) -> c_int {
            let next = next!($name as Rename);
            // SAFETY: the arguments are the caller's.
            unsafe {
                let is_watched = |path| watched().is_some_and(|watched| watched.part(to_path(path)).is_some());
                if is_watched(old) || is_watched(new) {
                    abort();
                }
                next(old, new)
            }
        }
    )*};
}

refused! {
    rename c"rename";
    link c"link";
}
