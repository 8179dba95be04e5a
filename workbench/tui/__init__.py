"""The terminal; knows the engine only through EngineClient."""
