"""What runs a pipeline: the native engine here; other trainers through adapters, and nothing else imports those."""
