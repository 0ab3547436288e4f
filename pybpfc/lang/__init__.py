"""What user code names: types, structs, maps, decorators."""
