//! The layering of the workspace.
