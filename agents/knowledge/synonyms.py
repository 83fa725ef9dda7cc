"""Everyday words that people ask by where a document uses another: "reimburse" and "refund", "kid" and "child".

Of what shops, offices, hotels and services are asked most. One line is one meaning; a word may stand in several. The words
are folded and cut to their stems when they are read, so one form of each is enough.
"""

from collections.abc import Iterator
from functools import cache

from agents.knowledge import languages
from agents.knowledge.folding import fold

_SAME = {
    "english": """
        refund reimburse reimbursement compensation payback
        cancel terminate cancellation termination quit unsubscribe
        price cost fee charge rate tariff pay
        cheap inexpensive discount reduction reduced half affordable
        buy purchase order
        send ship deliver dispatch delivery shipping shipment
        broken defective damaged faulty defect damage
        repair fix mend
        lost missing lose
        stolen theft steal
        delete remove erase
        change modify alter edit switch
        undo revert restore recover recall
        open opening
        close closed shut
        phone telephone call
        mail email
        child kid minor baby
        dog pet animal cat
        car vehicle automobile
        park parking
        bike bicycle
        employee staff worker colleague personnel
        holiday vacation
        sick ill illness disease
        password passcode
        error failure fail problem
        guarantee warranty
        allowed permitted permission allow permit
        forbidden prohibited banned
        invoice bill receipt
        customer client guest
        founded founder established
        eat food meal restaurant
        weigh weight heavy kilo
        book reserve reservation booking
        nonprofit charity charitable
        deadline period limit
        doctor physician
        medicine medication drug
        home house
        job vacancy position career
        begin start
        end finish expire
        keep store retain kept stored
        join enrol register registration signup
        picture photo image
        film record video
        wash clean cleaning
        money cash payment
        teacher instructor trainer coach
        pupil student learner
        leave resign departure""",
    "german": """
        erstatten ruckerstattung erstattung geld zuruckzahlen ruckzahlung
        kundigen stornieren kundigung stornierung absagen abbestellen
        preis kosten gebuhr kostet betrag tarif bezahlen zahlen
        gunstig billig rabatt ermassigung ermassigt preiswert nachlass
        kaufen bestellen erwerben bestellung
        liefern versand lieferung schicken senden verschicken
        kaputt defekt beschadigt schaden
        reparieren reparatur instandsetzen
        verlieren verloren verlust
        gestohlen diebstahl geklaut
        loschen entfernen
        andern wechseln umstellen bearbeiten
        offnen geoffnet offnungszeiten offen
        schliessen geschlossen
        telefon anrufen telefonnummer handy nummer
        mail email
        kind kinder nachwuchs
        hund haustier tier hunde
        auto wagen fahrzeug pkw
        parken parkplatz
        rad fahrrad velo
        mitarbeiter personal angestellte beschaftigte
        urlaub ferien
        krank krankheit erkrankt
        passwort kennwort
        fehler storung problem
        garantie gewahrleistung
        erlaubt durfen gestattet zulassig
        verboten untersagt
        rechnung beleg quittung
        kunde gast teilnehmer
        gegrundet grunder grundung
        essen mahlzeit speise restaurant verpflegung
        wiegen gewicht schwer kilo
        buchen reservieren reservierung buchung
        frist dauer zeitraum
        arzt doktor
        medikament arznei
        stelle job beruf
        anfangen beginnen start beginn
        enden aufhoren ende
        aufbewahren speichern lagern
        anmelden anmeldung registrieren
        foto bild
        waschen reinigen putzen saubern
        leihen mieten ausleihen miete verleih
        bahn zug
        regen regnet wetter unwetter
        abend nachts nacht""",
    "french": """
        rembourser remboursement argent
        annuler annulation resilier resiliation
        prix cout tarif frais couter payer montant
        cher bon reduction remise rabais reduit promotion
        acheter commander commande achat
        envoyer livrer livraison expedier expedition
        casse abime endommage defectueux
        reparer reparation
        perdre perdu perte
        voler vol derobe
        supprimer effacer retirer
        changer modifier echanger
        ouvrir ouvert ouverture horaires
        fermer ferme fermeture
        telephone appeler numero
        mail courriel email
        enfant gamin mineur bebe
        chien animal animaux
        voiture vehicule auto
        garer parking stationner stationnement
        velo bicyclette
        employe personnel salarie equipe
        vacances conges conge
        malade maladie
        erreur probleme panne
        garantie garantir
        permis autorise
        interdit defendu
        facture recu
        client hote
        fonder fondateur cree
        manger repas restaurant nourriture
        poids peser lourd kilo
        reserver reservation
        renvoyer retourner retour reprendre rendre
        delai duree temps
        medecin docteur
        medicament remede
        emploi poste travail recrutement
        commencer debut debuter
        finir fin terminer
        garder conserver stocker conservation
        inscrire inscription
        photo image
        laver nettoyer lavage nettoyage
        louer location
        gout saveur arome
        offrir cadeau""",
    "spanish": """
        reembolsar reembolso devolver devolucion dinero
        cancelar cancelacion anular rescindir baja
        precio costar coste costo tarifa pagar cuesta importe
        barato descuento rebaja economico oferta
        comprar pedir pedido compra encargar
        enviar envio entregar entrega mandar
        roto averiado danado defectuoso estropeado
        reparar reparacion arreglar arreglo averia
        perder perdido perdida extraviar
        robar robo hurto
        borrar eliminar quitar
        cambiar modificar cambio
        abrir abierto apertura horario
        cerrar cerrado cierre
        telefono llamar numero movil
        correo email
        nino hijo menor
        perro mascota animal chucho
        coche vehiculo auto
        aparcar aparcamiento estacionar
        bicicleta bici
        empleado personal trabajador
        vacaciones viaje
        enfermo enfermedad
        error problema fallo
        garantia garantizar
        permitido autorizado permitir
        prohibido vetado
        factura recibo
        cliente asegurado
        fundar fundador creado
        comer comida restaurante
        peso pesar kilo
        reservar reserva
        plazo duracion tiempo
        medico doctor
        medicamento farmaco
        empleo trabajo despido echar
        empezar comenzar inicio
        terminar fin acabar
        guardar conservar
        inscribir inscripcion registro
        foto imagen
        lavar limpiar limpieza
        alquilar alquiler
        retraso demora tardar""",
    "turkish": """
        iade geri para odeme
        iptal fesih vazgecmek
        fiyat ucret maliyet tutar bedel
        ucuz indirim kampanya
        satin almak siparis
        gonderi kargo teslimat nakliye gondermek
        bozuk arizali kirik hasar ariza
        tamir onarim servis
        kayip kaybetmek
        calinti hirsizlik
        silmek kaldirmak
        degistirmek degisiklik
        acik acilis acmak
        kapali kapanis kapatmak
        telefon aramak numara
        posta eposta
        cocuk bebek
        kopek hayvan kedi
        araba arac otomobil
        otopark park
        calisan personel isci
        tatil izin
        hasta hastalik
        sifre parola
        hata sorun problem
        garanti guvence
        izinli serbest
        yasak yasaktir
        fatura fis
        musteri misafir
        kurmak kurucu kurulmak kurulus
        yemek yiyecek
        agirlik kilo agir
        rezervasyon ayirtmak
        sure zaman muddet
        doktor hekim
        ilac recete
        temizlemek yikamak temizlik
        saklamak tutmak
        kayit uyelik
        resim fotograf""",
    "arabic": """
        استرداد استرجاع ارجاع اعاده
        الغاء فسخ
        سعر ثمن تكلفه رسوم كلفه اجره
        رخيص خصم تخفيض
        شراء طلب اشتري
        ارسال توصيل شحن
        معطل مكسور تالف عطل
        اصلاح صيانه تصليح
        ضائع مفقود فقدان
        سرقه مسروق
        حذف مسح ازاله
        تغيير تعديل تبديل
        دوام مواعيد يفتح
        هاتف جوال رقم اتصال
        بريد ايميل
        طفل ابن ولد صغير
        سياره مركبه
        موقف مواقف
        موظف عامل
        اجازه عطله
        مريض مرض
        خطا مشكله
        ضمان كفاله
        مسموح يسمح
        ممنوع يمنع
        فاتوره ايصال
        موعد حجز
        مده وقت
        طبيب دكتور
        دواء علاج
        الم وجع
        دفع سداد
        وظيفه عمل
        تنظيف غسيل""",
}  # fmt: skip
# Words of two signs in scripts without blanks, as the index has them.
_SAME_SIGNS = """
    退款 退钱 退费 退货
    取消 退订 解约
    价格 价钱 费用 多钱 收费
    便宜 优惠 折扣 打折
    购买 订购 下单
    发货 送货 配送 快递
    坏了 损坏 故障 破损
    修理 维修 保修
    丢失 遗失 丢了
    被盗 偷走 盗窃
    删除 清除 删了
    恢复 找回 还原
    更改 修改 更换
    电话 手机
    邮件 邮箱
    小孩 孩子 儿童
    宠物 狗狗 动物
    汽车 车辆 停车
    员工 职员
    假期 休假
    生病 患病
    密码 口令
    错误 报错
    允许 可否 准许
    禁止 不准
    发票 收据
    客户 顾客 客人
    创办 创立 创始
    重量 多重
    预订 预约
    期限 时限
    断网 离线 掉线
    求救 报警 胁迫
    返金 払戻
    料金 値段 価格 費用
    割引 安い
    購入 注文
    配送 発送 送料
    故障 破損
    修理 直す
    紛失 忘物
    盗難 盗ま
    削除 消す
    変更 直し
    電話 連絡
    子供 幼児 児童
    愛犬 動物
    駐車 車で
    社員 職員
    休日 定休
    病気 体調
    予約 申込
    禁止 不可
    領収 請求
    食事 朝食 夕食
    雨天 荒天
    撮影 写真"""
_SIGNS = [line.split() for line in _SAME_SIGNS.split("\n") if line]


# Letters by which a Turkish word is known here: its stem itself changes with its endings ("kurmak", "kurmuş").
TURKISH_ROOT = 4


@cache
def _by_root(language: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SAME.get(language, "").split("\n"):
        words = [fold(word) for word in line.split()]
        # The words as well: a text too short to show its language has stems of another.
        terms = dict.fromkeys(one for word in words for one in (word, languages.stem(word, language)))
        for root in dict.fromkeys(_root(word, language) for word in words):
            found.setdefault(root, []).extend(terms)
    return {root: tuple(dict.fromkeys(others)) for root, others in found.items()}


def _root(word: str, language: str) -> str:
    return word[:TURKISH_ROOT] if language == "turkish" else languages.stem(word, language)


@cache
def _by_sign() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SIGNS:
        pairs = [fold(word) for word in line]
        for pair in pairs:
            found.setdefault(pair, []).extend(one for one in pairs if one != pair)
    return {pair: tuple(dict.fromkeys(others)) for pair, others in found.items()}


def of(word: str, language: str) -> Iterator[str]:
    """The terms of words that mean the same as a folded word of a question, or as two neighbouring signs; maybe its own."""
    if word in _by_sign():
        yield from _by_sign()[word]
    elif language in _SAME:
        yield from _by_root(language).get(_root(word, language), ())
