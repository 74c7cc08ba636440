"""The Microsoft side: clients of the internal CES and CEP."""
