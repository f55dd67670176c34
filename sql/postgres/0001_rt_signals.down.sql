-- Takes the table with every signal in it; its indexes go with it.
drop table rt_signals;
