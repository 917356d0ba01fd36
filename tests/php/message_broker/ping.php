<?php

// Asks whether all is well: ping.php HOST PORT USER PASSWORD CHANNEL

declare(strict_types=1);

require __DIR__ . '/common.php';

$socket = connect($argv);
$socket->send(command('ping', $argv[5], []));
$answer = json_decode($socket->receive(), true, 16, JSON_THROW_ON_ERROR);
$socket->close();
echo "{$answer['response_code']} {$answer['response_text']}\n";
