"""What stands between this machine and a safe take: checks that read /proc, /sys and /etc, and change nothing."""
