"""What pages and tables are made with, and facts about the machine."""
