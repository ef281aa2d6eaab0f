"""Operations CLI and smoke-verification toolkit for real-time game stacks."""

__version__ = "0.1.0"
