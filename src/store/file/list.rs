//! Lists the documents of a folder.

use std::fs;
use std::path::Path;

use super::failure::{failed, not_utf8};
use crate::rotation::{Result, SecretId};

/// Returns the paths of all files of a folder whose names end with `.json`, sorted, without hidden files. The folder is
/// an absolute path.
///
/// # Errors
/// The folder cannot be read, or a path is not UTF-8.
pub fn list_folder(folder: &str) -> Result<Vec<SecretId>> {
    let folder = Path::new(folder);
    let cannot_list = |error| failed("list", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            found.push(path.into_os_string().into_string().map_err(|path| not_utf8(Path::new(&path)))?);
        }
    }
    found.sort();
    Ok(found.into_iter().map(SecretId::new).collect())
}
