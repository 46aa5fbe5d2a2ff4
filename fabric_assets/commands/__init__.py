"""The subcommands of ``fabric-assets``. What a command needs is imported when it runs."""
