"""Policy packs that come with the package: data with a source for each number."""
