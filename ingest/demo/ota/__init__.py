"""What takes firmware for a demo node: MYSBootloader, or the OTA feature of the library."""
