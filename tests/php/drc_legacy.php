<?php

// Every method of DRCClient, as a script for php-drc uses it: drc_legacy.php URL ORIGIN TOKEN

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    throw new ErrorException($message, 0, $level, $file, $line);
});

// All that such a script changes is this line.
require_once __DIR__ . "/../../clients/php/DRCClient.php";

function expect($expected, $found, $what)
{
    if ($expected !== $found) {
        throw new RuntimeException("$what: expected " . var_export($expected, true) . ", not " . var_export($found, true));
    }
}

function failure($code, $result)
{
    expect([false, $code, true], [$result["success"], $result["errorcode"] ?? null, is_string($result["error"] ?? null)], $code);
}

function data($result)
{
    expect(true, $result["success"], var_export($result, true));
    return $result["data"];
}

/** What such scripts do in their main loop. */
function next_message($drc, $cmd)
{
    $until = time() + 5;
    while (time() < $until) {
        $result = $drc->Wait(1);
        expect(true, $result["success"], var_export($result, true));
        $data = data($drc->Read());
        if ($data !== false) {
            expect($cmd, $data["cmd"] ?? null, var_export($data, true));
            return $data;
        }
    }
    throw new RuntimeException("no $cmd");
}

[, $url, $origin, $secret] = $argv;
expect([0, 1, 2], [DRCClient::CM_RECV_ONLY, DRCClient::CM_SEND_TO_AUTHS, DRCClient::CM_SEND_TO_ANY], "modes");

// Before there is a connection.
$drc = new DRCClient();
expect(array(), $drc->GetChannels(), "channels");
expect(false, $drc->GetChannel(1), "channel");
expect(false, $drc->GetClientID(), "id");
expect(false, $drc->GetRandomAuthClientID(1), "random");
expect(false, $drc->GetStream(), "stream");
foreach (array($drc->Read(), $drc->Wait(0), $drc->Write("x", DRCClient::FRAMETYPE_TEXT), $drc->LeaveChannel(1, true)) as $result) {
    failure("no_connection", $result);
}
failure("invalid_channel", $drc->SendCommandToAuthClients(1, "x"));
$drc->Disconnect();

// It cannot connect.
failure("incorrect_server_response", $drc->Connect($url, "http://elsewhere.example"));
failure("connect_failed", $drc->Connect("ws://127.0.0.1:1", $origin));
failure("protocol_check", $drc->Connect("http://127.0.0.1", $origin));
failure("no_connection", $drc->Wait(0));

// It can, also with the options as earlier versions had them.
$drc->SetKeepAliveTimeout(20);
expect(20, $drc->GetKeepAliveTimeout(), "keep alive");
$drc->SetMaxReadFrameSize(false);
$drc->SetMaxReadMessageSize(20000000);
$drc->SetCloseMode(DRCClient::CLOSE_IMMEDIATELY);
$drc->SetExtensions(array());
expect(array("success" => true), $drc->Connect($url, $origin, "auto", array("headers" => array("X-Test" => "1"), "connecttimeout" => 5, "sslopts" => array("auto_peer_name" => true))), "connect");
expect(array("success" => true), $drc->Connect($url, $origin, array("headers" => array("X-Test" => array("1", "2")))), "connect again");
expect(true, is_resource($drc->GetStream()), "stream");

// A token, and joining, each with its answer.
$granted = data($drc->CreateToken(false, "Test-Channel", "test-client", DRCClient::CM_SEND_TO_AUTHS, array("user" => "john_doe"), true));
expect(array("channel", "success", "cmd", "token", "channelname", "protocol"), array_keys($granted), "granted");
expect(array(0, true, "GRANTED", "Test-Channel", "test-client"), array($granted["channel"], $granted["success"], $granted["cmd"], $granted["channelname"], $granted["protocol"]), "granted");
$joined = data($drc->JoinChannel("Test-Channel", "test-client", false, 5));
expect(array("channel", "success", "cmd", "from", "id", "info", "channelname", "protocol", "clients"), array_keys($joined), "joined");
$channel = $joined["channel"];
$id = $drc->GetClientID();
expect($joined["id"], $id, "id");
expect(array("auth" => true, "mode" => 2, "extra" => false), $joined["clients"][$id], "clients");
expect(array($channel => $joined), $drc->GetChannels(), "channels");
expect($joined, $drc->GetChannel($channel), "channel");

// Somebody else with the token.
$other = new DRCClient();
data($other->Connect($url, $origin) + array("data" => 0));
$here = data($other->JoinChannel("Test-Channel", "test-client", $granted["token"], true, false));
$otherid = $other->GetClientID();
expect(array("auth" => false, "mode" => 1, "extra" => array("user" => "john_doe")), $here["info"], "info");
$notice = next_message($drc, "JOINED");
expect(array("channel" => $channel, "success" => true, "cmd" => "JOINED", "from" => 0, "id" => $otherid, "info" => $here["info"]), $notice, "notice");
expect($here["info"], $drc->GetChannel($channel)["clients"][$otherid], "known");
expect(array("success" => true, "data" => false), $drc->Read(), "nothing");
expect($id, $other->GetRandomAuthClientID($channel), "random");

// What is said about it.
$result = $drc->SetExtra($channel, $otherid, array("node" => "master-1"), true);
expect(array("channel" => $channel, "success" => true, "cmd" => "SET_EXTRA", "from" => 0, "id" => $otherid, "extra" => array("node" => "master-1")), data($result), "extra");
expect(array("node" => "master-1"), $drc->GetChannel($channel)["clients"][$otherid]["extra"], "extra");
expect(array("success" => true), $drc->SetExtra($channel, $id), "extra without waiting");
next_message($drc, "SET_EXTRA");
next_message($other, "SET_EXTRA");

// Commands.
expect(array("success" => true), $drc->SendCommand($channel, "action_results", -1, array("status" => "it_worked", "to" => "nobody"), true), "send");
expect(array("channel" => $channel, "success" => true, "from" => $id, "cmd" => "action_results", "status" => "it_worked"), next_message($drc, "action_results"), "to all");
next_message($other, "action_results");
expect(array("success" => true), $other->SendCommandToAuthClients($channel, "to_auth", array("x" => 1), true), "to authorities");
expect(array("channel" => $channel, "success" => true, "from" => $otherid, "cmd" => "to_auth", "x" => 1), next_message($drc, "to_auth"), "to authorities");
failure("invalid_channel", $drc->SendCommandToAuthClients(999999, "x"));

// A command with its answer, in all ways in which versions of the original took it. What comes
// before the answer is there afterwards.
foreach (array(array(true, "pong"), array(5, "pong"), array("pong", false)) as $wait) {
    $other->SendCommand($channel, "noise", $id);
    $other->SendCommand($channel, "pong", $id, array("n" => 1));
    $answer = data($drc->SendCommand($channel, "ping", $otherid, array(), $wait[0], $wait[1]));
    expect(array("pong", $otherid), array($answer["cmd"], $answer["from"]), "answer");
    next_message($other, "ping");
    next_message($drc, "noise");
}

// Time passes.
failure("send_command_timeout", $drc->SendCommand($channel, "ping", $otherid, array(), 0.2, "pong"));
next_message($other, "ping");
$start = microtime(true);
expect(array("success" => true), $drc->Wait(1), "wait");
expect(true, microtime(true) - $start > 0.5, "it waits");
expect(array("success" => true), $drc->ProcessQueuesAndTimeoutState(true, true), "process");
expect(false, $drc->NeedsWrite(), "needs write");

// What the server refuses comes as the server says it.
$denied = array("channel" => 0, "success" => false, "error" => "Access denied.  Invalid or missing token.", "errorcode" => "access_denied");
expect($denied, $other->JoinChannel("Test-Channel", "test-client", false, true, false), "denied");
failure("access_denied", $other->SetExtra($channel, $id, array(), true));
failure("invalid_channel", $other->LeaveChannel(999999, true));
failure("missing_invalid_clientmode", $drc->CreateToken(false, "a", "b", 3, array(), true));
failure("missing_invalid_extra", $drc->CreateToken(false, "a", "b", 2, "text", true));
failure("invalid_to", $drc->SendCommand($channel, "x", 999999, array(), true, "y"));
failure("invalid_argument", $drc->SendCommand($channel, "x", -1, array("x" => "\xff")));
$drc->SendCommand($channel, "x", 999999);
expect(array("channel" => $channel, "success" => false, "error" => "The 'to' recipient is invalid.", "errorcode" => "invalid_to"), data($drc->Read(true, true)), "later");

// Tokens of the configuration, and tokens that make authorities.
$granted = data($other->CreateToken($secret, "Second", "test-client", DRCClient::CM_RECV_ONLY, array(), true, true));
$second = data($other->JoinChannel("Second", "test-client", $granted["token"], true, false));
expect(array("auth" => true, "mode" => 2, "extra" => array()), $second["info"], "an authority");

// Parts of a message, and other frames.
$json = json_encode(array("channel" => $channel, "cmd" => "parts", "to" => -1));
expect(array("success" => true), $drc->Write(substr($json, 0, 10), DRCClient::FRAMETYPE_TEXT, false), "part");
expect(array("success" => true), $drc->Write("ping", DRCClient::FRAMETYPE_PING), "ping");
expect(array("success" => true), $drc->Write(substr($json, 10), DRCClient::FRAMETYPE_TEXT, true, true), "part");
next_message($drc, "parts");
next_message($other, "parts");
$drc->Write(json_encode(array("channel" => $channel, "cmd" => "binary", "to" => -1)), DRCClient::FRAMETYPE_BINARY);
next_message($drc, "binary");
expect(true, $drc->GetRawRecvSize() > 1000 && $drc->GetRawSendSize() > 1000, "sizes");

// Leaving, with and without waiting, and going.
expect(array("channel" => $second["channel"], "success" => true, "cmd" => "LEFT", "from" => 0, "id" => $otherid), data($other->LeaveChannel($second["channel"], true)), "left");
expect(false, $other->GetChannel($second["channel"]), "left");
next_message($other, "binary");
$other->Disconnect();
failure("no_connection", $other->Wait(0));
failure("no_connection", $other->Read());
expect(array("channel" => $channel, "success" => true, "cmd" => "LEFT", "from" => 0, "id" => $otherid), next_message($drc, "LEFT"), "left");
expect(array($id), array_keys($drc->GetChannel($channel)["clients"]), "alone");
expect(array("success" => true), $drc->LeaveChannel($channel), "left");
expect(array(), $drc->GetChannels(), "none");
next_message($drc, "LEFT");
$drc->Reset();
failure("no_connection", $drc->Read());
echo "done\n";
