"""Small engines that execute query texts over tables: they know nothing of rules, plans or compilers."""
