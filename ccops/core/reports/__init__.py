"""What every gate can be read by: JUnit, SARIF, GitHub annotations and markdown, from one list of marks."""
